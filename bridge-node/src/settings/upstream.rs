//! Services from a registry that speaks HTTP, and from files.

use std::path::PathBuf;
use std::time::Duration;

use super::parts::Check;
use super::{Source, raw};

/// A registry that needs longer should answer asynchronously.
const DEFAULT_REGISTRY_TIMEOUT_S: u64 = 30;
const MAX_REGISTRY_TIMEOUT_S: u64 = 3600;

/// The table `http` of a service: the site's own settings, over those of the package.
#[derive(Debug, Clone)]
pub struct HttpSite {
    /// The table.
    pub table: toml::Table,
    /// Where its files are looked for.
    pub folder: PathBuf,
}

impl Check<'_> {
    pub(super) fn http(&mut self, place: &str, raw: &raw::Service) -> Option<Source> {
        let site = HttpSite {
            table: raw.http.clone().unwrap_or_default(),
            folder: self.folder.to_owned(),
        };
        if let Some(package) = &raw.package {
            for (key, given) in [
                ("code", raw.code.is_some()),
                ("base_url", raw.base_url.is_some()),
                ("certificate", raw.certificate.is_some()),
                ("openapi", raw.openapi.is_some()),
                ("timeout_seconds", raw.timeout_seconds.is_some()),
                ("effect", raw.effect.is_some()),
            ] {
                if given {
                    let remedy =
                        "remove it; what differs from the package belongs into the table http";
                    self.fault(&format!("{place}.{key}"), "stands beside package", remedy);
                }
            }
            let package = self.existing(&format!("{place}.package"), package);
            return Some(Source::HttpPackage { package, site });
        }
        let (Some(code), Some(base_url)) = (&raw.code, &raw.base_url) else {
            let remedy = "adapter http needs both, or a package";
            self.fault(place, "lacks code or base_url", remedy);
            return None;
        };
        let seconds = raw.timeout_seconds.unwrap_or(DEFAULT_REGISTRY_TIMEOUT_S);
        if !(1..=MAX_REGISTRY_TIMEOUT_S).contains(&seconds) {
            self.fault(
                &format!("{place}.timeout_seconds"),
                format!("{seconds} is out of range"),
                "give 1 to 3600",
            );
        }
        let certificate = raw
            .certificate
            .as_ref()
            .map(|path| self.existing(&format!("{place}.certificate"), path));
        let openapi = raw
            .openapi
            .as_ref()
            .map(|path| self.existing(&format!("{place}.openapi"), path));
        Some(Source::Http {
            code: code.clone(),
            title: raw.title.clone().unwrap_or_else(|| code.clone()),
            base_url: base_url.trim_end_matches('/').to_owned(),
            certificate,
            openapi,
            timeout: Duration::from_secs(seconds),
            site,
            effect: raw.effect.clone(),
        })
    }

    pub(super) fn file(&mut self, place: &str, raw: &raw::Service) -> Option<Source> {
        let (Some(package), Some(files)) = (&raw.package, &raw.files) else {
            let remedy = "adapter file needs both paths";
            self.fault(place, "lacks package or files", remedy);
            return None;
        };
        Some(Source::File {
            package: self.existing(&format!("{place}.package"), package),
            files: self.existing(&format!("{place}.files"), files),
        })
    }
}
