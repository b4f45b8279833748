"""ECDSA by hand, for signatures whose r or s is chosen: the key under which such a pair is right."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from jose_tools import b64

# Group, name, bytes of a coordinate, hash twice, and the curve's p and a.
CURVES = {
    "ES256": (ec.SECP256R1(), "P-256", 32, hashes.SHA256(), hashlib.sha256, 2**256 - 2**224 + 2**192 + 2**96 - 1, -3),
    "ES384": (ec.SECP384R1(), "P-384", 48, hashes.SHA384(), hashlib.sha384, 2**384 - 2**128 - 2**96 + 2**32 - 1, -3),
    "ES512": (ec.SECP521R1(), "P-521", 66, hashes.SHA512(), hashlib.sha512, 2**521 - 1, -3),
    "ES256K": (ec.SECP256K1(), "secp256k1", 32, hashes.SHA256(), hashlib.sha256, 2**256 - 2**32 - 977, 0),
}


def domain(alg):
    """p, a, b, n and the generator."""
    group, _, _, _, _, p, a = CURVES[alg]
    one = ec.derive_private_key(1, group).public_key().public_numbers()
    return p, a, (one.y**2 - one.x**3 - a * one.x) % p, group.group_order, (one.x, one.y)


# Points of y^2 = x^3 + ax + b, for signatures whose r or s is chosen. None: infinity.
def plus(p, a, left, right):
    if left is None or right is None:
        return left or right
    if left[0] == right[0] and (left[1] + right[1]) % p == 0:
        return None
    if left == right:
        slope = (3 * left[0] * left[0] + a) * pow(2 * left[1], -1, p)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, p)
    x = (slope * slope - left[0] - right[0]) % p
    return x, (slope * (left[0] - x) - left[1]) % p


def times(p, a, k, point):
    out = None
    while k:
        out = plus(p, a, out, point) if k & 1 else out
        point, k = plus(p, a, point, point), k >> 1
    return out


def lift(p, a, b, x):
    """A point with this x, if there is one (each p here is 3 modulo 4)."""
    square = (x**3 + a * x + b) % p
    y = pow(square, (p + 1) // 4, p)
    return (x, y) if y * y % p == square else None


def forge(alg, x, r, s, text):
    """The public key under which (r, s) is right for this text: Q = r^-1 (s R - z G), R the point with this x."""
    p, a, b, n, generator = domain(alg)
    group, crv, size, hashed, digest, _, _ = CURVES[alg]
    point = lift(p, a, b, x)
    if point is None:
        return None
    z = int.from_bytes(digest(text.encode()).digest(), "big") >> max(0, digest().digest_size * 8 - n.bit_length())
    inverse = pow(r, -1, n)
    minus = times(p, a, (-z * inverse) % n, generator)
    q = plus(p, a, times(p, a, s * inverse % n, point), minus)
    public = ec.EllipticCurvePublicNumbers(*q, group).public_key()
    public.verify(utils.encode_dss_signature(r, s), text.encode(), ec.ECDSA(hashed))
    return {
        "kty": "EC",
        "crv": crv,
        "x": b64(q[0].to_bytes(size, "big")),
        "y": b64(q[1].to_bytes(size, "big")),
        "alg": alg,
    }
