app_name = "dreaming"
urlpatterns = []
