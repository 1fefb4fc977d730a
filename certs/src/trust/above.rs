//! The authorities above an own certificate, for whoever trusts less than its owner does.

use super::{Checked, INTERMEDIATES_LIMIT, Trust};
use crate::certificate::Reading;

// === impl Trust ===

impl Trust {
    /// Returns the authority under which a certificate is trusted here, and those above it, as far as given and trusted
    /// certificates lead by their names and keys. One that issued itself is left out: whoever trusts it has it.
    ///
    /// An owner may trust an issuing authority itself. Others who trust its root only need to be shown what lies between.
    pub fn above(&self, checked: &Checked, given: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let anchor = checked.chain.last().and_then(|last| {
            let mut anchors = self.anchors.iter();
            anchors.find(|anchor| anchor.spki_sha256 == last.issuer_spki_sha256)
        });
        let below = checked.chain.len().saturating_sub(1);
        let mut above: Vec<Vec<u8>> = Vec::new();
        let mut next = anchor.map(|anchor| anchor.certificate.to_vec());
        while let Some(der) = next.take() {
            let Ok(reading) = Reading::of(&der) else {
                break;
            };
            let is_last = below.saturating_add(above.len()) >= INTERMEDIATES_LIMIT;
            if reading.issuer == reading.subject || is_last || above.contains(&der) {
                break;
            }
            next = self.issuer_of(&reading, given);
            above.push(der);
        }
        above
    }

    fn issuer_of(&self, below: &Reading, given: &[Vec<u8>]) -> Option<Vec<u8>> {
        let trusted = self
            .anchors
            .iter()
            .map(|anchor| anchor.certificate.as_ref());
        let mut all = given.iter().map(Vec::as_slice).chain(trusted);
        let is_issuer = |der: &&[u8]| {
            Reading::of(der).is_ok_and(|reading| {
                let named = below.issuer_key_identifier.as_ref();
                reading.constraints.is_authority
                    && reading.subject == below.issuer
                    && named.is_none_or(|named| reading.key_identifier.as_ref() == Some(named))
            })
        };
        all.find(is_issuer).map(<[u8]>::to_vec)
    }
}
