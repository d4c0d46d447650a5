"""Signature Version 4, as AWS's specification says it: a second implementation, for tests."""
import datetime
import hashlib
import hmac
import urllib.parse


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def stamp(seconds=0):
    """X-Amz-Date, so many seconds from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")


def sign(method, path, headers, body, key_id, secret, service="kms", region="us-east-1", date=None, signed=None, query=""):
    """The headers to send; `signed` are the names under the signature, by default all."""
    sent = {name.lower(): value for name, value in headers.items()}
    sent.setdefault("x-amz-date", date or stamp())
    names = sorted(signed or sent)
    canonical = "\n".join([method, urllib.parse.quote(path, safe="/-_.~"), "&".join(sorted(query.split("&"))) if query else "",
                           *[f"{name}:{' '.join(sent.get(name, '').split())}" for name in names], "", ";".join(names), hashlib.sha256(body).hexdigest()])
    day = sent["x-amz-date"][:8]
    scope = f"{day}/{region}/{service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", sent["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    made = b"AWS4" + secret.encode()
    for part in (day, region, service, "aws4_request"):
        made = _mac(made, part)
    sent["authorization"] = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={_mac(made, text).hex()}"
    return {name.title(): value for name, value in sent.items()}
