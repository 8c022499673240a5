"""The map of the site. Other apps are named by strings only: console imports none of them."""

from django.conf import settings
from django.contrib.auth import views as auth
from django.urls import include, path

from console import api, endpoint_views, openapi, views

handler400 = "console.views.bad_request"
handler403 = "console.views.forbidden"
handler404 = "console.views.not_found"
handler500 = "console.views.server_error"

urlpatterns = [
    path("", views.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("sign-in", views.SignIn.as_view(), name="sign-in"),
    path("sign-out", auth.LogoutView.as_view(), name="sign-out"),
    path("password", views.ChangePassword.as_view(), name="password"),
    path("v1/openapi.json", openapi.serve, name="openapi"),
    path("v1/", api.urls()),
    path("v1/<path:rest>", api.unknown_route),
    path("w/<slug:slug>/", views.workspace, name="workspace"),
    path("w/<slug:slug>/palette", views.palette, name="palette"),
    path("w/<slug:slug>/settings/", views.general, name="settings"),
    path("w/<slug:slug>/settings/members/", views.members, name="members"),
    path("w/<slug:slug>/settings/members/<user_id>/role", views.change_role, name="change-role"),
    path(
        "w/<slug:slug>/settings/members/<user_id>/remove", views.remove_member, name="remove-member"
    ),
    path("w/<slug:slug>/settings/keys/", views.keys, name="keys"),
    path("w/<slug:slug>/settings/keys/<key_id>/revoke", views.revoke_key, name="revoke-key"),
    path("w/<slug:slug>/settings/models/", endpoint_views.models, name="models"),
    path("w/<slug:slug>/settings/models/new", endpoint_views.new, name="endpoint-new"),
    path("w/<slug:slug>/settings/models/test", endpoint_views.test, name="endpoint-test"),
    path("w/<slug:slug>/settings/models/<endpoint_id>", endpoint_views.edit, name="endpoint-edit"),
    path(
        "w/<slug:slug>/settings/models/<endpoint_id>/delete",
        endpoint_views.delete,
        name="endpoint-delete",
    ),
    path("w/<slug:slug>/stores/", include("memory.urls")),
    path("w/<slug:slug>/", include("sessions.urls")),
    path("w/<slug:slug>/dreams/", include("dreaming.urls")),
]
if settings.DEBUG:
    urlpatterns.append(path("style-guide", views.style_guide, name="style-guide"))
