//! Members' roles and files: who has a role, by officers' keys; what members say, by the online keys.

use bridge_core::identity::MemberId;
use serde_json::json;

use super::{PublishError, Publisher, Repository, after};
use crate::ceremony::Base;
use crate::metadata::{FileInfo, Key, MemberRole, sha256};
use crate::own_nodes::{OwnFile, OwnNodesError, nodes_path};

impl Publisher {
    /// Gives a member a role by which it publishes its own nodes, or other keys for it; what earlier keys signed counts no more.
    /// Returns the version of the targets metadata.
    ///
    /// # Errors
    ///
    /// [`PublishError::NothingPublished`] before the first directory; the rest about keys and files.
    pub fn delegate(
        &self,
        member: &MemberId,
        keys: (&[Key], u32),
        now_s: u64,
    ) -> Result<u64, PublishError> {
        let _lock = self.lock()?;
        let (_, root) = self.repository.newest_root()?;
        let published = self.repository.published(&root.part)?;
        let published = published.ok_or(PublishError::NothingPublished)?;
        let meta = published.snapshot.part.meta;
        let mut delegations = published.targets.part.delegations.unwrap_or_default();
        let file = format!("{}.json", MemberRole::name_of(member));
        let above = meta.get(&file).map_or(0, FileInfo::known_version);
        delegations.set(member, keys, above);
        let files = (&*published.bytes, published.catalogue.as_deref());
        self.publish_bytes(&root.part, files, (Some(delegations), meta), now_s)
    }

    /// Takes a member's file and publishes it, by the online keys alone. Returns its version. After a crash the same file can be
    /// taken again.
    ///
    /// # Errors
    ///
    /// [`OwnNodesError`]: what a review refuses, [`OwnNodesError::TooFew`], or about keys and files.
    pub fn take(&self, file: &OwnFile, now_s: u64) -> Result<u64, OwnNodesError> {
        let _lock = self.lock()?;
        let base = Base::read(self.repository.folder(), None).map_err(Box::new)?;
        let reviewed = file.review(&base, now_s)?;
        reviewed.check_signatures()?;
        let (metadata, nodes) = file.files();
        let path = nodes_path(&reviewed.member, &sha256(nodes));
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Repository::make_folder(&self.repository.folder().join(folder))?;
        self.repository.write(&path, nodes)?;
        let (role, _) = base
            .role_of(&reviewed.member)
            .ok_or(OwnNodesError::NoRole)?;
        self.repository
            .write(&role.metadata_path(reviewed.version), &metadata)?;
        let mut meta = base.meta.clone();
        let info = FileInfo::of(Some(reviewed.version), &metadata);
        meta.insert(role.file(), info);
        let (timestamp, snapshot, _) = self.repository.newest_versions()?;
        let root = base.root();
        let info = self.write_snapshot(root, &json!(meta), after(snapshot), now_s)?;
        // Crash before the next line: no timestamp names what was written, and it is written again when the file is taken again.
        self.write_timestamp(root, &info, after(timestamp), now_s)?;
        Ok(reviewed.version)
    }
}
