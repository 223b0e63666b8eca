"""The servers once more, as they are when more is asked of them: passwords, tokens, TLS."""
import base64
import functools
import json
import os
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import servers

REPOSITORY = "bench/app"  # what the tokens are good for
PASSWORD = "wonderland"
LOGINS = [f"user-{number}" for number in range(2000)]  # for whoever has to be someone that nobody has been yet
COSTS = (10, 12)


def basic(user):
    """The Authorization header of a user."""
    return "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()


@functools.cache
def hashed(cost):
    """The password, as htpasswd hashes it."""
    said = subprocess.run(["htpasswd", "-nbB", "-C", str(cost), "x", PASSWORD], capture_output=True, text=True, check=True)
    return said.stdout.split(":", 1)[1].strip()


class Passwords:
    """Asks for a password. All users have the same, and so the same hash: who asks is alice."""

    cost = 10
    users = ("alice", *LOGINS)
    headers = {"Authorization": basic("alice")}

    @property
    def htpasswd(self):
        return os.path.join(self.work, "htpasswd")

    def wipe(self):
        super().wipe()
        with open(self.htpasswd, "w") as file:
            file.writelines(f"{user}:{hashed(self.cost)}\n" for user in self.users)

    def settings(self):
        return super().settings() | {"auth": {"htpasswd": {"realm": "bench", "path": self.htpasswd}}}


class PasswordsOfZot(Passwords):
    def settings(self):
        settings = super().settings()
        del settings["auth"]
        settings["http"]["auth"] = {"htpasswd": {"path": self.htpasswd}}
        return settings


def at_cost(cost, kind, passwords=Passwords):
    """A server that asks for passwords of this cost: `pierhead, cost 10`."""
    return type(kind.__name__ + str(cost), (passwords, kind), {"name": f"{kind.name}, cost {cost}", "cost": cost})


class OwnToken(Passwords, servers.Pierhead):
    """Asks for a token, which it gives itself for a password."""

    name = "pierhead, own token"

    def settings(self):
        settings = super().settings()
        settings["auth"]["issuer"] = {"enabled": True, "expiration": "1h"}
        return settings

    def start(self):
        self.headers = Passwords.headers
        taken = super().start()
        query = urllib.parse.urlencode({"service": "registry", "scope": f"repository:{REPOSITORY}:pull,push"})
        request = urllib.request.Request(f"{self.url}/auth/token?{query}", headers=self.headers)
        with urllib.request.urlopen(request) as answer:
            self.headers = {"Authorization": "Bearer " + json.load(answer)["token"]}
        return taken


class Token(servers.Pierhead):
    """Asks for a token, which someone else gives and signs with RS256, as most do."""

    name = "pierhead, token"
    claims = {"iss": "bench", "aud": "bench", "sub": "alice", "nbf": 0,
              "access": [{"type": "repository", "name": REPOSITORY, "actions": ["pull", "push"]}]}

    def wipe(self):
        super().wipe()
        key = self.file("key.pem")
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key)
        public = openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
        modulus = public[-5 - 256:-5]  # before the exponent, which ends it: 02 03 01 00 01
        with open(self.file("keys.json"), "w") as file:
            json.dump({"keys": [{"kty": "RSA", "kid": "bench", "n": encoded(modulus), "e": "AQAB"}]}, file)
        claims = self.claims | {"exp": int(time.time()) + 86400}
        parts = ({"alg": "RS256", "kid": "bench", "typ": "JWT"}, claims)
        signed = ".".join(encoded(json.dumps(part).encode()) for part in parts)
        signature = openssl("dgst", "-sha256", "-sign", key, told=signed.encode())
        self.headers = {"Authorization": f"Bearer {signed}.{encoded(signature)}"}

    def file(self, name):
        return os.path.join(self.work, name)

    def settings(self):
        token = {"realm": "https://auth.example.com/token", "service": "bench", "issuer": "bench",
                 "jwks": self.file("keys.json")}
        return super().settings() | {"auth": {"token": token}}


def encoded(part):
    """As the parts of a token are."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def openssl(*arguments, told=None):
    """What openssl prints, told this on its standard input."""
    done = subprocess.run(["openssl", *arguments], input=told, capture_output=True)
    if done.returncode:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode()}")
    return done.stdout


class Tls:
    """Speaks TLS, with a certificate of its own whose key is one of P-256."""

    scheme = "https"

    @property
    def trust(self):
        return os.path.join(self.work, "server.crt")

    @property
    def key(self):
        return os.path.join(self.work, "server.key")

    def wipe(self):
        super().wipe()
        self.__dict__.pop("context", None)  # of the certificate before
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=bench",
                "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", self.key, "-out", self.trust)

    def settings(self):
        settings = super().settings()
        settings["http"]["tls"] = {"certificate": self.trust, "key": self.key}
        return settings


class PierheadTls(Tls, servers.Pierhead):
    name = "pierhead, TLS"


class NginxTls(Tls, servers.Nginx):
    """With tickets as they are by default, and the versions of TLS that are ours."""

    name = "nginx, TLS"

    @property
    def listening(self):
        return f" ssl http2; ssl_protocols TLSv1.2 TLSv1.3; ssl_certificate {self.trust}; ssl_certificate_key {self.key}"


class Full(Passwords, PierheadTls):
    """With TLS, passwords, rules and headers. What is asked for at the start needs no password."""

    name, probe, headers = "pierhead, full configuration", "/", {}
    users = ("alice", "bob", "carol")

    def settings(self):
        settings = super().settings()
        settings["http"]["headers"] = {"X-Content-Type-Options": ["nosniff"]}
        rules = [{"who": "anonymous", "repositories": "public/**", "actions": "pull"},
                 {"who": ["alice", "bob"], "repositories": ["team/**", "tools"], "actions": ["pull", "push"]},
                 {"who": "authenticated", "repositories": "**", "actions": ["pull", "catalog"]}]
        return settings | {"access": rules}


KINDS = (
    servers.Pierhead, servers.PierheadUnsynced, servers.Zot, servers.Olareg, servers.Distribution, servers.Debian,
    servers.Nginx, servers.Disk,
    *(at_cost(cost, servers.Pierhead) for cost in COSTS), *(at_cost(cost, servers.Distribution) for cost in COSTS),
    *(at_cost(cost, servers.Zot, PasswordsOfZot) for cost in COSTS),
    OwnToken, Token, PierheadTls, NginxTls, Full,
)
