//! Asking for a certificate: the request of one of this node's keys.

use bridge_certs::Request;
use bridge_core::identity::{CertificateName, NodeId};

use super::{Folder, OwnError, Slot, Use};

/// Writes the request of a key, PKCS#10 in DER: the key in the slot, which is made if it is not there.
///
/// `sans` are DNS names and addresses that shall stand in the certificate besides.
///
/// # Errors
///
/// [`OwnError`] about the key's file, or about what a request of this use must have.
pub fn request(
    folder: &Folder,
    node: &NodeId,
    (usage, slot): (Use, Slot),
    sans: &[String],
) -> Result<Vec<u8>, OwnError> {
    if !folder.key_file(usage, slot).exists() {
        folder.make_key(usage, slot)?;
    }
    let (key, file) = folder.held(usage, slot)?;
    let name = match usage {
        Use::Tls | Use::Exchange => Some(CertificateName::Node(node.clone())),
        Use::Web => None,
    };
    // Authorities that look at it want one of the names.
    let common_name = sans.first().cloned();
    let common_name = common_name.unwrap_or_else(|| node.to_string());
    key.request(&Request {
        profile: usage.profile(),
        name,
        common_name,
        sans: sans.to_vec(),
    })
    .map_err(|source| OwnError::Key { file, source })
}
