//! Adapters that say something wrong of themselves.

use std::sync::Arc;

use bridge_adapter::{Description, Effect, ServiceDescription};
use serde_json::{Value, json};

use crate::fault::{Fault, Hook::Describes};

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        check: "description.services",
        what: "forgets the last service",
        hooks: &[Describes(|said| drop(said.services.pop()))],
    },
    Fault {
        check: "description.no-strangers",
        what: "offers a service of another package",
        hooks: &[Describes(|said| said.services.push(stranger("weather")))],
    },
    Fault {
        check: "description.codes",
        what: "offers a service whose code holds a line end",
        hooks: &[Describes(|said| said.services.push(stranger("a\nb")))],
    },
    Fault {
        check: "description.order",
        what: "lists its services backwards",
        hooks: &[Describes(|said| said.services.reverse())],
    },
    Fault {
        check: "description.titles",
        what: "leaves a title empty",
        hooks: &[Describes(|said| said.services[0].title.clear())],
    },
    Fault {
        check: "description.kind",
        what: "calls its kind a sentence",
        hooks: &[Describes(|said| said.adapter = "My Adapter v2")],
    },
    Fault {
        check: "description.endpoints",
        what: "does not describe an endpoint of the document",
        hooks: &[Describes(|said| {
            said.services[0]
                .endpoints
                .retain(|own| !own.path.as_str().ends_with("mark"));
        })],
    },
    Fault {
        check: "description.openapi",
        what: "brings no document for a service",
        hooks: &[Describes(|said| said.services[2].openapi = None)],
    },
    Fault {
        check: "description.openapi-own-paths",
        what: "gives every caller the paths of all services",
        hooks: &[Describes(|said| {
            let others = said.services[2].openapi.as_ref().expect("it has one")["paths"].clone();
            change(said, 0, |document| {
                let paths = document["paths"].as_object_mut().expect("an object");
                paths.extend(others.as_object().expect("an object").clone());
            });
        })],
    },
    Fault {
        check: "description.openapi-servers",
        what: "names the registry's own address",
        hooks: &[Describes(|said| {
            change(said, 0, |document| {
                document["servers"] = json!([{ "url": "http://10.0.0.7" }])
            });
        })],
    },
    Fault {
        check: "description.openapi-rules",
        what: "publishes a looser rule for identifiers",
        hooks: &[Describes(|said| {
            change(said, 0, |document| {
                document["components"]["schemas"]["Fin"] = json!({ "type": "string" })
            });
        })],
    },
    Fault {
        check: "description.safe-methods-read",
        what: "says that a GET has an effect",
        hooks: &[Describes(|said| {
            let mark = said.services[0]
                .endpoints
                .iter_mut()
                .find(|own| own.path.as_str().ends_with("mark"));
            mark.expect("it is described").effect = Effect::Unknown;
        })],
    },
];

pub(super) fn stranger(code: &str) -> ServiceDescription {
    ServiceDescription {
        code: code.to_owned(),
        title: "Hava".to_owned(),
        endpoints: Vec::new(),
        openapi: None,
    }
}

pub(super) fn change(said: &mut Description, at: usize, change: impl FnOnce(&mut Value)) {
    let document = said.services[at].openapi.as_mut().expect("it has one");
    change(Arc::make_mut(document));
}
