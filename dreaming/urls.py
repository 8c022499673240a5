from django.urls import path

from dreaming import adoption_views, extraction_views, review_views, views

app_name = "dreaming"
urlpatterns = [
    path("", views.dreams, name="dreams"),
    path("new", views.dream_new, name="dream_new"),
    path("attention", views.attention, name="attention"),
    path("saved/<str:session_id>/", extraction_views.saved, name="saved"),
    path("saved/<str:session_id>/again", extraction_views.again, name="save_again"),
    path("<str:pk>/", views.dream, name="dream"),
    path("<str:pk>/progress", views.progress_now, name="progress"),
    path("<str:pk>/findings", views.findings, name="findings"),
    path("<str:pk>/cancel", views.cancel, name="cancel"),
    path("<str:pk>/archive", views.archive, name="archive"),
    path("<str:pk>/review", review_views.review_page, name="review"),
    path("<str:pk>/review/file", review_views.review_file, name="review_file"),
    path("<str:pk>/review/gone", review_views.review_gone, name="review_gone"),
    path("<str:pk>/review/decide", review_views.decide, name="decide"),
    path("<str:pk>/review/approve", review_views.approve, name="approve"),
    path("<str:pk>/review/reject", review_views.reject, name="reject"),
    path("<str:pk>/review/reopen", review_views.reopen, name="reopen"),
    path("<str:pk>/adopt", adoption_views.adopt, name="adopt"),
    path("<str:pk>/receipt", adoption_views.receipt, name="receipt"),
    path("<str:pk>/undo", adoption_views.undo, name="undo"),
]
