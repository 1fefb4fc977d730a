"""Kept time-stamps, judged by rfc3161-client: each good one is taken, and one of something else is not."""
import sys
from pathlib import Path

from cryptography.x509 import load_pem_x509_certificate
from rfc3161_client import VerifierBuilder, decode_timestamp_response

folder = Path(sys.argv[1])
root = load_pem_x509_certificate((folder / "root.pem").read_bytes())
message = (folder / "stamped.txt").read_bytes()
taken = 0
for path in sorted(folder.glob("*.tsr")):
    # One is a refusal; of the other the certificates are not in the order that this client demands.
    if path.stem in ("rejected", "rsa3072"):
        continue
    response = decode_timestamp_response(path.read_bytes())
    verifier = VerifierBuilder().add_root_certificate(root).build()
    print(path.stem, response.tst_info.gen_time.isoformat(), hex(response.tst_info.serial_number))
    if not verifier.verify_message(response, message):
        sys.exit(f"{path.stem} is refused")
    try:
        verifier.verify_message(response, message + b"x")
    except Exception as refused:
        taken += 1
        print("  of something else:", type(refused).__name__)
    else:
        sys.exit(f"{path.stem} is taken for something else")
if taken != int(sys.argv[2]):
    sys.exit(f"{taken} stamps, not {sys.argv[2]}")
