from django.urls import path

from sessions import agent_views, environment_views, money_views, record_views, views

app_name = "sessions"
urlpatterns = [
    path("sessions/", views.sessions, name="sessions"),
    path("sessions/new", views.session_new, name="session_new"),
    path("sessions/recent", views.recent, name="recent"),
    path("sessions/<str:pk>/", views.session, name="session"),
    path("sessions/<str:pk>/log", views.log, name="log"),
    path("sessions/<str:pk>/changes", record_views.changes, name="changes"),
    path("sessions/<str:pk>/requests", record_views.requests, name="requests"),
    path("sessions/<str:pk>/events", record_views.events, name="events"),
    path("sessions/<str:pk>/find", record_views.find, name="find"),
    path("sessions/<str:pk>/export", record_views.export, name="export"),
    path("sessions/<str:pk>/events/<str:event_pk>", views.event, name="event"),
    path("sessions/<str:pk>/events/<str:event_pk>/decide", views.decide, name="decide"),
    path("sessions/<str:pk>/events/<str:event_pk>/answer", views.answer, name="answer"),
    path("sessions/<str:pk>/say", views.say, name="say"),
    path("sessions/<str:pk>/stop", views.stop, name="stop"),
    path("sessions/<str:pk>/budget", money_views.budget, name="budget"),
    path("sessions/<str:pk>/rename", views.rename, name="rename"),
    path("sessions/<str:pk>/archive", views.archive, name="archive"),
    path("sessions/<str:pk>/delete", views.delete, name="delete"),
    path("agents/", agent_views.agents, name="agents"),
    path("agents/new", agent_views.agent_new, name="agent_new"),
    path("agents/prompt", agent_views.prompt, name="prompt"),
    path("agents/environments/", environment_views.environments, name="environments"),
    path("agents/environments/new", environment_views.environment_new, name="environment_new"),
    path(
        "agents/environments/<str:pk>/edit",
        environment_views.environment_edit,
        name="environment_edit",
    ),
    path(
        "agents/environments/<str:pk>/archive",
        environment_views.environment_archive,
        name="environment_archive",
    ),
    path("agents/<str:pk>/", agent_views.agent, name="agent"),
    path("agents/<str:pk>/edit", agent_views.agent_edit, name="agent_edit"),
    path("agents/<str:pk>/archive", agent_views.agent_archive, name="agent_archive"),
    path("settings/budget/", money_views.monthly, name="monthly"),
    path("models", views.models, name="models"),
    path("models/price", money_views.price, name="price"),
]
