"""Signature Version 4, as AWS's specification says it: a second implementation, for tests."""
import datetime
import hashlib
import hmac
import urllib.parse


def _mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _quote(text):
    return urllib.parse.quote(text, safe="-_.~")


def stamp(seconds=0):
    """X-Amz-Date, so many seconds from now."""
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("%Y%m%dT%H%M%SZ")


def _canonical_query(query):
    pairs = [pair.partition("=") for pair in query.split("&")] if query else []
    return "&".join("=".join(pair) for pair in sorted((_quote(urllib.parse.unquote(name)), _quote(urllib.parse.unquote(value))) for name, _, value in pairs))


def _signature(method, path, query, sent, names, body, secret, date, scope):
    canonical = "\n".join([method, urllib.parse.quote(path, safe="/-_.~"), _canonical_query(query),
                           *[f"{name}:{' '.join(sent.get(name, '').split())}" for name in names], "", ";".join(names), hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    made = b"AWS4" + secret.encode()
    for part in scope.split("/"):
        made = _mac(made, part)
    return _mac(made, text).hex()


def sign(method, path, headers, body, key_id, secret, service="kms", region="us-east-1", date=None, signed=None, query=""):
    """The headers to send; `signed` are the names under the signature, by default all."""
    sent = {name.lower(): value for name, value in headers.items()}
    sent.setdefault("x-amz-date", date or stamp())
    names = sorted(signed or sent)
    scope = f"{sent['x-amz-date'][:8]}/{region}/{service}/aws4_request"
    made = _signature(method, path, query, sent, names, body, secret, sent["x-amz-date"], scope)
    sent["authorization"] = f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={';'.join(names)}, Signature={made}"
    return {name.title(): value for name, value in sent.items()}


def presign(method, path, headers, body, key_id, secret, service="kms", region="us-east-1", date=None, expires=60, query="", more=None):
    """The query to send, with the signature in it; `headers` are signed. `more` are further parameters."""
    sent = {name.lower(): value for name, value in headers.items()}
    date = date or stamp()
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    said = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{key_id}/{scope}", "X-Amz-Date": date,
            "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": ";".join(sorted(sent)), **(more or {})}
    query = "&".join([*([query] if query else []), *(f"{name}={_quote(value)}" for name, value in said.items())])
    return f"{query}&X-Amz-Signature={_signature(method, path, query, sent, sorted(sent), body, secret, date, scope)}"
