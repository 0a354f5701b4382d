"""smtplib and aiosmtpd, whose asyncio loop runs in a thread beside the clients: by name, with STARTTLS, all at once."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

from aiosmtpd.controller import Controller

from tests.integration.authorities import free_port

from . import MANY, SLOW, arguments, at_once, raised

given = arguments()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(given["ca"].replace("ca.pem", "server.pem"), given["ca"].replace("ca.pem", "server.key"))
trusting = ssl.create_default_context(cafile=given["ca"])
received = []


class Box:
    """Takes its time for each message."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 there is nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(SLOW)
        received.append(envelope.content)
        return "250 OK"


port = free_port()
controller = Controller(Box(), hostname="127.0.0.1", port=port, tls_context=context)


def send(n, secure):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@mail.test", "b@mail.test", f"letter {n}"
    message.set_content("x" * 10_000)
    with smtplib.SMTP("mail.test", port, timeout=20) as client:
        if secure:
            client.starttls(context=trusting)
        client.send_message(message)
    return n


controller.start()
assert at_once(lambda n: send(n, secure=False)) == list(range(MANY))
assert len(received) == MANY
assert all(len(one) > 10_000 for one in received)
assert at_once(lambda n: send(n, secure=True), many=10) == list(range(10))
with smtplib.SMTP("mail.test", port, timeout=5) as client:
    raised(smtplib.SMTPRecipientsRefused, client.sendmail, "a@mail.test", ["nobody@mail.test"], "x")
raised(OSError, smtplib.SMTP, "nowhere.test", port)
controller.stop()
