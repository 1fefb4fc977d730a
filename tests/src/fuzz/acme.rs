//! What an authority says that issues certificates.

use bridge_core::identity::is_hidden;
use bridge_node::acme::messages::{
    AccountSaid, Authorization, OrderSaid, Places, Problem, RenewalInfo, at_origin,
};
use http::Uri;
use serde::de::DeserializeOwned;

/// Whom the node asks.
const ORIGIN: &str = "https://acme.example:14000";

/// Whatever an authority says, this node goes to no other server, shows nothing under a name with a meaning, renews within a
/// span that is one, and tells of it in words that no terminal obeys and everybody sees.
pub(super) fn acme(data: &[u8]) -> bool {
    let taken = [
        read::<Places>(data).is_some_and(|places| {
            let information = places.renewal_info.as_deref().unwrap_or(ORIGIN);
            let information = format!("{}/a.b", information.trim_end_matches('/'));
            let own = [&places.new_nonce, &places.new_account, &places.new_order];
            all_lead_there(own.into_iter().chain([&information]))
        }),
        read::<AccountSaid>(data).is_some_and(|said| said.status.is_some()),
        read::<OrderSaid>(data).is_some_and(|order| {
            let urls = order.authorizations.iter().chain(&order.certificate);
            all_lead_there(urls.chain([&order.finalize]))
        }),
        read::<Authorization>(data).is_some_and(|proof| {
            let Ok(challenge) = proof.http_01() else {
                return false;
            };
            let token = &challenge.token;
            assert!((22..=256).contains(&token.len()), "{token}");
            let means_nothing = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            assert!(token.bytes().all(means_nothing), "{token}");
            all_lead_there([&challenge.url])
        }),
        read::<RenewalInfo>(data).is_some_and(|information| {
            let window_s = information.window_s();
            window_s.is_some_and(|(start_s, end_s)| {
                assert!(start_s < end_s);
                true
            })
        }),
        read::<Problem>(data).is_some_and(|problem| {
            let words = problem.words();
            let is_shown = |c: char| !c.is_control() && !is_hidden(c);
            assert!(words.chars().all(is_shown), "{words:?}");
            assert!(words.chars().count() <= 300);
            assert!(!problem.short().contains(':'));
            !problem.kind.is_empty()
        }),
    ];
    taken.contains(&true)
}

fn read<T: DeserializeOwned>(data: &[u8]) -> Option<T> {
    serde_json::from_slice(data).ok()
}

/// Whether all addresses lead to the authority; those that the node would go to must.
fn all_lead_there<'a>(urls: impl IntoIterator<Item = &'a String>) -> bool {
    let origin: Uri = format!("{ORIGIN}/directory").parse().unwrap();
    let goes = urls.into_iter().map(|url| {
        let Some(to) = at_origin(&origin, url) else {
            return false;
        };
        let whole = to.to_string().to_lowercase();
        let below = whole.strip_prefix(ORIGIN).expect("another server");
        assert!(below.is_empty() || below.starts_with(['/', '?', '#']));
        true
    });
    goes.fold(true, |all, goes| all & goes)
}
