"""The API of dreams, their reviews and adoptions."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from console.api import api, conflict, envelope, invalid
from dreaming import review
from dreaming.api import adoptions, dreams, reviews
from dreaming.dreams import Refused

router = Router()
router.add_router("dreams", dreams.router)
router.add_router("dreams", reviews.router)
router.add_router("dreams", adoptions.router)


# What the verbs raise, said in the words of the wire; `Invalid` is memory's to say.


@api.exception_handler(Refused)
def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return envelope(request, invalid(str(error)))


@api.exception_handler(review.Refused)
def _review_refused(request: HttpRequest, error: review.Refused) -> HttpResponse:
    return envelope(request, conflict(str(error)))
