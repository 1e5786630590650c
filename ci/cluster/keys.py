"""Certificates and kubeconfigs of one node: one authority, a pair for each part, all gone with the node."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ci.cluster import places

_VALID = timedelta(days=30)
#: An authority's; without it, and without key identifiers, Python 3.13 and later trust nothing that it signed.
_SIGNS = x509.KeyUsage(
    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """A certificate to issue."""

    # file name without .crt and .key
    file: str
    # who it says it is; Kubernetes reads user and groups from here
    user: str
    group: str = ""
    # names and addresses it may serve under
    names: tuple[str, ...] = ()
    # whether a kubeconfig is written beside it
    kubeconfig: bool = False


_API_NAMES = (
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{places.DOMAIN}",
    "localhost",
    "127.0.0.1",
    places.API_SERVICE_ADDRESS,
    places.NODE_ADDRESS,
)
_PAIRS = (
    Pair("kube-apiserver", "kube-apiserver", names=_API_NAMES),
    Pair("admin", "admin", "system:masters", kubeconfig=True),
    Pair(
        "kubelet",
        f"system:node:{places.NODE_NAME}",
        "system:nodes",
        names=(places.NODE_NAME, places.NODE_ADDRESS),
        kubeconfig=True,
    ),
    Pair("kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
    Pair("front-proxy", "front-proxy-client"),
    Pair("kube-controller-manager", "system:kube-controller-manager", kubeconfig=True),
    Pair("kube-scheduler", "system:kube-scheduler", kubeconfig=True),
    Pair("kube-proxy", "system:kube-proxy", kubeconfig=True),
    # kube-router reads policies, pods and namespaces: for a node of tests no role of its own is worth its lines
    Pair("kube-router", "kube-router", "system:masters", kubeconfig=True),
)


def write(folder: Path) -> None:
    """All keys, certificates and kubeconfigs of a node."""
    folder.mkdir(parents=True, mode=0o700)
    authority = ec.generate_private_key(ec.SECP256R1())
    name = _name("kube-ca", "")
    root = (
        _builder(name, name, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_SIGNS, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    _save(folder / "ca", authority, root)
    for pair in _PAIRS:
        key = ec.generate_private_key(ec.SECP256R1())
        _save(folder / pair.file, key, _issue(pair, key, authority, name))
        if pair.kubeconfig:
            (folder / f"{pair.file}.conf").write_text(json.dumps(_kubeconfig(folder, pair)))
    accounts = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (folder / "accounts.key").write_bytes(_pem(accounts))
    (folder / "accounts.pub").write_bytes(
        accounts.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _issue(
    pair: Pair, key: ec.EllipticCurvePrivateKey, authority: ec.EllipticCurvePrivateKey, issuer: x509.Name
) -> x509.Certificate:
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    builder = _builder(_name(pair.user, pair.group), issuer, key.public_key())
    builder = builder.add_extension(usage, critical=False).add_extension(signer, critical=False)
    if pair.names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(n) for n in pair.names]), critical=False)
    return builder.sign(authority, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
    )


def _name(user: str, group: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _save(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    path.with_suffix(".key").write_bytes(_pem(key))
    path.with_suffix(".crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _kubeconfig(folder: Path, pair: Pair) -> dict[str, object]:
    """JSON is YAML; the API server is on the node's own loopback."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": places.MARK,
                "cluster": {
                    "server": "https://127.0.0.1:6443",
                    "certificate-authority": str(folder / "ca.crt"),
                },
            }
        ],
        "users": [
            {
                "name": pair.file,
                "user": {
                    "client-certificate": str(folder / f"{pair.file}.crt"),
                    "client-key": str(folder / f"{pair.file}.key"),
                },
            }
        ],
        "contexts": [{"name": places.MARK, "context": {"cluster": places.MARK, "user": pair.file}}],
        "current-context": places.MARK,
    }
