"""acme2certifier's own OpenSSL handler with the profiles of this bus: usages as the request asks, if they are of one profile."""

from acme2certifier.cahandlers.openssl_ca_handler import CAhandler as OpenSSL
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

PROFILES = [
    {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH},
    {ObjectIdentifier("1.3.6.1.5.5.7.3.36")},
]


class CAhandler(OpenSSL):
    """The names of the request, the identity among them, are kept by the handler itself."""

    def _cert_extension_default(self, ca_cert, req):
        extensions = super()._cert_extension_default(ca_cert, req)
        asked = req.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if set(asked) not in PROFILES:
            raise ValueError("the request is of no profile")
        for extension in extensions:
            if isinstance(extension["name"], x509.ExtendedKeyUsage):
                extension["name"] = asked
            if isinstance(extension["name"], x509.KeyUsage):
                extension["name"] = req.extensions.get_extension_for_class(x509.KeyUsage).value
            if isinstance(extension["name"], x509.AuthorityKeyIdentifier):
                # As the authority's own certificate has it: the handler would make one up.
                own = ca_cert.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
                extension["name"] = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        return extensions
