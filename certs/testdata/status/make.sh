#!/bin/sh
# Makes the vectors of this folder with OpenSSL: for each kind of key an authority, a list that has two certificates
# revoked (2 and 3), and answers about certificate 1 (good), 2 (revoked) and 99 (unknown), signed by a responder of the
# authority for P-256 and P-384 and by the authority itself for the others.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat > "$work/settings" <<END
[req]
distinguished_name = name
[name]
[ca]
default_ca = it
[it]
database = $work/index
crlnumber = $work/number
default_crl_days = 3650
default_md = default
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
[responder]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = OCSPSigning
noCheck = ignored
END
key() {
    case $1 in
    p256) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
    p384) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 ;;
    ed25519) openssl genpkey -algorithm ED25519 ;;
    rsa3072) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 ;;
    esac 2>/dev/null
}
for kind in p256 p384 ed25519 rsa3072; do
    key $kind > "$work/key"
    openssl req -x509 -new -key "$work/key" -subj "/CN=Authority of $kind" -days 7000 -config "$work/settings" \
        -extensions authority -out $kind-authority.pem 2>/dev/null
    # Each certificate's state, end, since when and why, number, file, subject.
    printf 'V\t491231235959Z\t\t01\tunknown\t/CN=1\n' > "$work/index"
    printf 'R\t491231235959Z\t260101000000Z,keyCompromise\t02\tunknown\t/CN=2\n' >> "$work/index"
    printf 'R\t491231235959Z\t260102000000Z,certificateHold\t03\tunknown\t/CN=3\n' >> "$work/index"
    echo 1000 > "$work/number"
    openssl ca -gencrl -config "$work/settings" -keyfile "$work/key" -cert $kind-authority.pem -out "$work/list" 2>/dev/null
    openssl crl -in "$work/list" -outform DER -out $kind-list.der
    signer=$kind-authority.pem
    cp "$work/key" "$work/signer.key"
    case $kind in p256 | p384)
        key $kind > "$work/signer.key"
        openssl req -new -key "$work/signer.key" -subj "/CN=Responder of $kind" -config "$work/settings" -out "$work/request"
        openssl x509 -req -in "$work/request" -CA $kind-authority.pem -CAkey "$work/key" -set_serial 50 -days 3000 \
            -extfile "$work/settings" -extensions responder -out "$work/signer.pem" 2>/dev/null
        signer=$work/signer.pem ;;
    esac
    for one in 1:good 2:revoked 99:unknown; do
        openssl ocsp -issuer $kind-authority.pem -serial "${one%%:*}" -no_nonce -reqout "$work/question" >/dev/null 2>&1
        openssl ocsp -index "$work/index" -CA $kind-authority.pem -rsigner "$signer" -rkey "$work/signer.key" \
            -reqin "$work/question" -respout "$kind-${one##*:}.der" -ndays 3650 >/dev/null 2>&1
    done
done
