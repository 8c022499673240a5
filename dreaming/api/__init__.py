"""The API of dreams, their reviews and adoptions."""

from ninja import Router

from dreaming.api import adoptions, dreams, reviews

router = Router()
router.add_router("dreams", dreams.router)
router.add_router("dreams", reviews.router)
router.add_router("dreams", adoptions.router)
