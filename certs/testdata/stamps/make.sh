#!/usr/bin/env bash
# Makes the answers beside this script: OpenSSL as a time-stamping authority, with keys and digests of several kinds, all under
# root.pem. What is stamped is `stamped.txt`. rsa3072 brings a second certificate along, which OpenSSL does not put in the order
# of the distinguished encoding. Private keys are thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/root.key"
openssl req -x509 -new -key "$work/root.key" -subj /CN=root -days 36500 -out root.pem -addext keyUsage=critical,keyCertSign
printf 'keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n' > "$work/ext"
printf 'stamped\n' > stamped.txt

stamp() { # name, digest of the signer, digest of the bound certificate, kind of key
    openssl genpkey -quiet "${@:4}" -out "$work/time.key"
    openssl req -new -key "$work/time.key" -subj "/CN=time $1" -out "$work/time.csr"
    openssl x509 -req -in "$work/time.csr" -CA root.pem -CAkey "$work/root.key" -days 36500 -extfile "$work/ext" \
        -out "$work/time.pem" 2>/dev/null
    openssl rand -hex 8 > "$work/serial"
    cat > "$work/ts.cnf" <<CNF
[tsa]
default_tsa = own
[own]
serial = $work/serial
signer_cert = $work/time.pem
$( [ "$1" = rsa3072 ] && echo 'certs = root.pem' )
signer_key = $work/time.key
signer_digest = $2
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1, millisecs:500, microsecs:100
ess_cert_id_alg = $3
tsa_name = yes
ordering = yes
CNF
    openssl ts -query -sha256 -cert -data "${query_data:-stamped.txt}" ${query_options:-} -out "$work/query" 2>/dev/null
    openssl ts -reply -config "$work/ts.cnf" -queryfile "$work/query" -out "$1.tsr" 2>/dev/null
}
stamp p256 sha256 sha256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
stamp p256-sha1 sha256 sha1 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
stamp p384 sha384 sha384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
stamp rsa3072 sha512 sha512 -algorithm RSA -pkeyopt rsa_keygen_bits:3072
query_options="-no_nonce -tspolicy 1.2.3.4.9" stamp rejected sha256 sha256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
