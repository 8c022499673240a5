"""How people send transcripts and let them in."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse


def send(client, *files, follow=True):
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    return client.post(reverse("sessions:import_new", args=["lab"]), {"files": sent}, follow=follow)


def carry_out(client, answer, *chosen, **more):
    where = answer.redirect_chain[-1][0]
    return client.post(where, {"transcript": chosen, **more}, follow=True)
