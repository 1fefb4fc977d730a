//! The services of this node and the adapters behind them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bridge_adapter::openapi::Checker;
use bridge_adapter::package::Package;
use bridge_adapter::{Adapter, Description, Effect, Endpoint, Health, ServiceDescription};
use bridge_adapter_file::{FileAdapter, FileLimits};
use bridge_adapter_http::{HttpAdapter, HttpConfig, Site, TlsConfig};
use bridge_adapter_sql::SqlAdapter;
use bridge_core::identity::{ServiceId, SubsystemId};
use http::Method;
use tokio::task::JoinSet;

use crate::settings::{Fault, HttpSite, Limits, Service, Source};

pub(crate) mod process;

/// One service and what answers it.
pub struct Registry {
    /// What answers.
    pub adapter: Arc<dyn Adapter>,
    /// Shown in `listMethods`.
    pub title: String,
    /// Its endpoints with their effects; empty if the registry has not said.
    pub endpoints: Vec<Endpoint>,
    /// The OpenAPI text, if there is one.
    pub openapi: Option<Arc<serde_json::Value>>,
    /// Checks requests and answers against it.
    pub checker: Option<Arc<Checker>>,
    /// Shown to callers without a contract.
    pub published: bool,
    /// What unsafe methods leave behind where no endpoint says it.
    effect: Effect,
}

/// What adapters say of their registries, with the reasons.
#[derive(Debug, Default)]
pub struct Troubles {
    /// Services that cannot answer now.
    pub unready: Vec<(ServiceId, String)>,
    /// Services that answer, though somebody has to act.
    pub alarmed: Vec<(ServiceId, String)>,
}

/// All services of this node, in the order of their names.
#[derive(Debug, Default)]
pub struct Registries {
    services: BTreeMap<ServiceId, Registry>,
}

// === impl Registry ===

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("title", &self.title)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// What a call with this method and path leaves behind.
    pub fn effect(&self, method: &Method, segments: &[String]) -> Effect {
        self.or_own(Effect::of_call(&self.endpoints, method, segments))
    }

    /// What an endpoint says, or what is said for all of them.
    pub fn or_own(&self, said: Effect) -> Effect {
        match said {
            Effect::Unknown => self.effect,
            Effect::Reads | Effect::Stored => said,
        }
    }
}

// === impl Registries ===

impl Registries {
    /// Opens every adapter of the settings.
    ///
    /// # Errors
    ///
    /// All faults of all packages and adapters.
    pub fn open(services: &[Service], limits: &Limits) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut registries = Self::default();
        for service in services {
            let place = &service.place;
            match open(service, limits) {
                Ok(adapter) => registries.add(place, service, &adapter, &mut faults),
                Err(list) => faults.extend(list.into_iter().map(|fault| {
                    Fault::new(
                        format!("{place}: {}", fault.place),
                        fault.what,
                        fault.remedy,
                    )
                })),
            }
        }
        if faults.is_empty() {
            Ok(registries)
        } else {
            Err(faults)
        }
    }

    fn add(
        &mut self,
        place: &str,
        service: &Service,
        adapter: &Arc<dyn Adapter>,
        faults: &mut Vec<Fault>,
    ) {
        let effect = match unsafe_effect(service) {
            Ok(effect) => effect,
            Err(fault) => return faults.push(fault),
        };
        let Description { services, .. } = adapter.describe();
        for described in services {
            let id = match service.subsystem.service(&described.code) {
                Ok(id) => id,
                Err(error) => {
                    faults.push(Fault::new(
                        place,
                        error.to_string(),
                        "give the service another code",
                    ));
                    continue;
                }
            };
            let registry = Registry {
                adapter: Arc::clone(adapter),
                title: described.title,
                endpoints: described.endpoints,
                effect,
                checker: checker(place, service, described.openapi.as_deref(), faults),
                openapi: described.openapi,
                published: service.published,
            };
            if self.services.insert(id.clone(), registry).is_some() {
                faults.push(Fault::new(
                    place,
                    format!("{id} is served twice"),
                    "remove one of the two entries",
                ));
            }
        }
    }

    /// The service with this name.
    pub fn service(&self, id: &ServiceId) -> Option<&Registry> {
        self.services.get(id)
    }

    /// The services of one subsystem.
    pub fn of(&self, subsystem: &SubsystemId) -> impl Iterator<Item = (&ServiceId, &Registry)> {
        self.services
            .iter()
            .filter(move |(id, _)| id.subsystem() == subsystem)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.services.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Ends what adapters keep running, when no call is under way any more.
    pub async fn drain(&self) {
        let mut ending = JoinSet::new();
        for registry in self.services.values() {
            let adapter = Arc::clone(&registry.adapter);
            ending.spawn(async move { adapter.drain().await });
        }
        ending.join_all().await;
    }

    /// Services that cannot answer now, and those that can and yet need somebody. Asks each adapter.
    pub async fn troubles(&self) -> Troubles {
        // All at once: one that is slow to say so must not hold up what is told of the others.
        let mut asking = JoinSet::new();
        for (id, registry) in &self.services {
            let (id, adapter) = (id.clone(), Arc::clone(&registry.adapter));
            asking.spawn(async move { (id, adapter.health().await) });
        }
        let mut troubles = Troubles::default();
        while let Some(Ok((id, health))) = asking.join_next().await {
            match health {
                Health::Ready => {}
                Health::Alarmed { reason } => troubles.alarmed.push((id, reason)),
                Health::NotReady { reason } => troubles.unready.push((id, reason)),
            }
        }
        troubles.alarmed.sort();
        troubles.unready.sort();
        troubles
    }
}

fn checker(
    place: &str,
    service: &Service,
    openapi: Option<&serde_json::Value>,
    faults: &mut Vec<Fault>,
) -> Option<Arc<Checker>> {
    let document = openapi.filter(|_| service.check)?;
    match Checker::from_value(document.clone()) {
        Ok(checker) => Some(Arc::new(checker)),
        Err(list) => {
            faults.extend(list.iter().map(|fault| {
                Fault::new(
                    format!("{place}.openapi: {}", fault.at()),
                    &fault.problem,
                    &fault.remedy,
                )
            }));
            None
        }
    }
}

/// What a settings entry says of unsafe methods. What it does not say is not known.
fn unsafe_effect(service: &Service) -> Result<Effect, Fault> {
    let said = match &service.source {
        Source::Http { effect, .. } => effect.as_deref(),
        Source::Sql { .. }
        | Source::HttpPackage { .. }
        | Source::File { .. }
        | Source::Process(_) => None,
    };
    said.map_or(Ok(Effect::Unknown), str::parse).map_err(|()| {
        Fault::new(
            format!("{}.effect", service.place),
            "is not a known effect",
            "write reads, unknown or stored",
        )
    })
}

/// The one table from a settings entry to an adapter.
///
/// # Errors
///
/// All faults of the package and of what is said of its registry.
pub(crate) fn open(service: &Service, limits: &Limits) -> Result<Arc<dyn Adapter>, Vec<Fault>> {
    match &service.source {
        Source::Sql { package, access } => {
            let package = Package::load(package)
                .map_err(|list| list.iter().map(of_adapter).collect::<Vec<_>>())?;
            let adapter = SqlAdapter::open(
                &package,
                access.clone(),
                bridge_adapter_sql::SqlLimits::default(),
            )
            .map_err(|list| list.iter().map(of_adapter).collect::<Vec<_>>())?;
            Ok(Arc::new(adapter))
        }
        Source::Http {
            code,
            title,
            base_url,
            certificate,
            openapi,
            timeout,
            site,
            effect: _,
        } => {
            let openapi = openapi.as_deref().map(read_json).transpose()?;
            let config = HttpConfig {
                timeout: *timeout,
                answer_limit_bytes: Some(limits.body_bytes),
                tls: TlsConfig {
                    pinned_certificate: certificate.as_deref().map(read_certificate).transpose()?,
                    ..TlsConfig::default()
                },
                services: vec![describe(code, title, openapi)?],
                ..HttpConfig::new(base_url.clone())
            };
            let config = config.with_site(&table_of(site)).map_err(of_adapters)?;
            Ok(Arc::new(HttpAdapter::new(config).map_err(of_adapters)?))
        }
        Source::HttpPackage { package, site } => {
            let package = Package::load(package).map_err(of_adapters)?;
            let mut config =
                HttpConfig::from_package(&package, Some(&table_of(site))).map_err(of_adapters)?;
            let most = limits.body_bytes;
            config.answer_limit_bytes =
                Some(config.answer_limit_bytes.map_or(most, |own| own.min(most)));
            Ok(Arc::new(HttpAdapter::new(config).map_err(of_adapters)?))
        }
        Source::File { package, files } => {
            let package = Package::load(package).map_err(of_adapters)?;
            let adapter = FileAdapter::open(&package, files, &FileLimits::default());
            Ok(Arc::new(adapter.map_err(of_adapters)?))
        }
        Source::Process(process) => process::open(process, limits),
    }
}

fn describe(
    code: &str,
    title: &str,
    openapi: Option<Arc<serde_json::Value>>,
) -> Result<ServiceDescription, Vec<Fault>> {
    let endpoints = match &openapi {
        Some(document) => Checker::from_value(document.as_ref().clone())
            .map_err(|list| list.iter().map(of_adapter).collect::<Vec<_>>())?
            .endpoints(code),
        None => Vec::new(),
    };
    Ok(ServiceDescription {
        code: code.to_owned(),
        title: title.to_owned(),
        endpoints,
        openapi,
    })
}

fn read_certificate(path: &Path) -> Result<Vec<u8>, Vec<Fault>> {
    let fault = |what: String| {
        vec![Fault::new(
            path.display().to_string(),
            what,
            "give a PEM file with the registry's one certificate",
        )]
    };
    let mut list =
        bridge_certs::read_pem_certificates(path).map_err(|error| fault(error.to_string()))?;
    match (list.pop(), list.is_empty()) {
        (Some(certificate), true) => Ok(certificate),
        _ => Err(fault("does not hold exactly one certificate".to_owned())),
    }
}

fn table_of(site: &HttpSite) -> Site<'_> {
    Site {
        table: &site.table,
        folder: &site.folder,
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "errors are handed over whole"
)]
fn of_adapters(faults: Vec<bridge_adapter::Fault>) -> Vec<Fault> {
    faults.iter().map(of_adapter).collect()
}

fn of_adapter(fault: &bridge_adapter::Fault) -> Fault {
    Fault::new(fault.at(), fault.problem.clone(), fault.remedy.clone())
}

fn read_json(path: &Path) -> Result<Arc<serde_json::Value>, Vec<Fault>> {
    let fault = |what: String| {
        vec![Fault::new(
            path.display().to_string(),
            what,
            "give an OpenAPI 3.1 text in JSON",
        )]
    };
    let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
    let value = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    Ok(Arc::new(value))
}
