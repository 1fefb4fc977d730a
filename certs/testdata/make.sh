#!/usr/bin/env bash
# Makes the certificates beside this script: node TLS certificates that differ in their key alone, all under root.pem.
# They are committed because the tests' own authority can't make such keys; private keys are thrown away.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rsa() { openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:$2" -out "$work/$1.key"; }
curve() { openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:$2" -out "$work/$1.key"; }
issue() { # name, issuer, extensions
    openssl req -new -key "$work/$1.key" -subj "/CN=$1" -out "$work/$1.csr"
    printf '%b' "$3" > "$work/$1.ext"
    openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -days 36500 \
        -extfile "$work/$1.ext" -out "$work/$1.pem" 2>/dev/null
    cp "$work/$1.pem" "$1.pem"
}
node='keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=URI:bridge://AZ/GOV/1001/NODE1\n'
authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'

curve root P-256
openssl req -x509 -new -key "$work/root.key" -subj /CN=root -days 36500 -out root.pem \
    -addext keyUsage=critical,keyCertSign,cRLSign
cp root.pem "$work/root.pem"

curve p256 P-256 && issue p256 root "$node"
curve p384 P-384 && issue p384 root "$node"
curve p521 P-521 && issue p521 root "$node"
curve secp256k1 secp256k1 && issue secp256k1 root "$node"
rsa rsa2048 2048 && issue rsa2048 root "$node"
rsa rsa3072 3072 && issue rsa3072 root "$node"
openssl genpkey -algorithm ED25519 -out "$work/ed25519.key" && issue ed25519 root "$node"
openssl ec -in "$work/p256.key" -conv_form compressed -out "$work/p256-compressed.key" 2>/dev/null
issue p256-compressed root "$node"

# A good leaf under an issuing authority with a weak key, leaf first.
rsa weak 2048 && issue weak root "$authority"
curve under-weak P-256 && issue under-weak weak "$node"
cat "$work/weak.pem" >> under-weak.pem && rm weak.pem
