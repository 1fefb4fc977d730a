//! The demonstration's three agencies, kept in a temporary folder: a world to do things in.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::nodes::Node;
use crate::shell::{BOUND, Said, run, wait_for};

/// Three agencies that have exchanged something and are at rest.
pub(crate) struct World {
    folder: PathBuf,
    /// Removed with the world, where the world is this test's own.
    _temporary: Option<TempDir>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Agency {
    pub(crate) folder: PathBuf,
    pub(crate) client: &'static str,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

// === impl World ===

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["demo", "--once", "--dir", "."]).good();
        Self {
            folder: folder.path().to_owned(),
            _temporary: Some(folder),
        }
    }

    /// A world that a demonstration keeps in a folder.
    pub(crate) fn at(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            _temporary: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    fn agency(&self, name: &str, client: &'static str) -> Agency {
        Agency {
            folder: self.path().join(name),
            client,
        }
    }

    pub(crate) fn population(&self) -> Agency {
        self.agency("population", "AZ/GOV/1001/POPULATION")
    }

    pub(crate) fn tax(&self) -> Agency {
        self.agency("tax", "AZ/GOV/2001/TAX")
    }

    pub(crate) fn executive(&self) -> Agency {
        self.agency("executive", "AZ/LEA/3001/APPEALS")
    }
}

// === impl Agency ===

impl Agency {
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("node.toml")
    }

    /// Changes the settings file: each pair is a text that stands in it and what shall stand there.
    #[track_caller]
    pub(crate) fn change(&self, pairs: &[(&str, &str)]) {
        let mut text = fs::read_to_string(self.config()).unwrap();
        for (old, new) in pairs {
            assert!(text.contains(old), "`{old}` is not in:\n{text}");
            text = text.replace(old, new);
        }
        fs::write(self.config(), text).unwrap();
    }

    /// Adds to the end of the settings file.
    pub(crate) fn add(&self, text: &str) {
        let old = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), old + text).unwrap();
    }

    /// The value of a text key of the settings file.
    #[track_caller]
    pub(crate) fn setting(&self, key: &str) -> String {
        let text = fs::read_to_string(self.config()).unwrap();
        let start = format!("{key} = \"");
        let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
        line[start.len()..].trim_end_matches('"').to_owned()
    }

    /// Gives the information system a new API key and returns it.
    pub(crate) fn new_api_key(&self) -> String {
        let out = run(&self.folder, &["key", "api"]).good();
        let after = |start: &str| {
            let line = out.lines().find(|line| line.starts_with(start)).unwrap();
            line[start.len()..].trim_matches('"').to_owned()
        };
        let old = self.setting("api_key_sha256");
        self.change(&[(&old, &after("api_key_sha256 = "))]);
        after("Bridge-Api-Key: ")
    }

    pub(crate) fn start(&self) -> Node {
        Node::start(self)
    }

    pub(crate) fn check(&self) -> Said {
        let config = self.config();
        run(
            &self.folder,
            &["check-config", "--config", config.to_str().unwrap()],
        )
    }

    /// An `audit` command as the agency's own officer.
    pub(crate) fn officer(&self, arguments: &[&str]) -> Said {
        let access = [
            "--socket",
            "data/admin.sock",
            "--officer",
            "officer",
            "--officer-key",
            "officer.key",
        ];
        let all: Vec<&str> = ["audit"]
            .iter()
            .chain(arguments)
            .chain(&access)
            .copied()
            .collect();
        run(&self.folder, &all)
    }

    /// The leaves that a search finds, officers' own looks left out.
    #[track_caller]
    pub(crate) fn search(&self, filters: &[&str]) -> Vec<Value> {
        let all: Vec<&str> = ["search", "--json"]
            .iter()
            .chain(filters)
            .copied()
            .collect();
        let out = self.officer(&all).good();
        out.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["leaf"].clone())
            .filter(|leaf| leaf["kind"] != "audit-read")
            .collect()
    }

    /// Sends one query of the information system over loopback.
    pub(crate) fn ask(&self, key: &str, path: &str, purpose: (&str, &str)) -> Answer {
        let fields = format!(
            "Bridge-Api-Key: {key}\r\nX-Road-Client: {}\r\nBridge-Purpose: {}\r\nBridge-Legal-Basis: {}\r\n",
            self.client, purpose.0, purpose.1
        );
        get(&self.setting("plain_listen"), path, &fields).unwrap()
    }

    pub(crate) fn verify(&self) -> Said {
        run(
            &self.folder,
            &[
                "audit",
                "verify",
                "data/journal",
                "--evidence-key",
                "keys/evidence.key",
            ],
        )
    }
}

/// Sends one request and reads the whole answer.
pub(crate) fn get(address: &str, path: &str, fields: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(BOUND))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n")
            .as_bytes(),
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or(std::io::ErrorKind::UnexpectedEof)?;
    Ok(Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    })
}

/// Makes an exchange, keeps its receipt as `receipt.json` in the caller's folder, stops both nodes. Returns the key of its log.
pub(crate) fn receipt_file(provider: &Agency, caller: &Agency) -> String {
    let key = caller.new_api_key();
    let nodes = (provider.start(), caller.start());
    let purpose = ("tax-assessment", "tax-code-23");
    let answer = caller.ask(&key, "/r1/AZ/GOV/1001/POPULATION/person/MBXEHTV", purpose);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let (_, id) = answer.head.split_once("x-road-request-id: ").unwrap();
    let path = format!("/receipts/{}", id.lines().next().unwrap());
    let given = wait_for("a checkpoint covers the exchange", || {
        Some(caller.ask(&key, &path, purpose)).filter(|answer| answer.status == 200)
    });
    nodes.0.stop();
    nodes.1.stop();
    fs::write(caller.folder.join("receipt.json"), &given.body).unwrap();
    let file: Value = serde_json::from_str(&given.body).unwrap();
    file["key"].as_str().unwrap().to_owned()
}
