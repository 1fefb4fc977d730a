//! bridge-directory
pub mod canonical;
pub mod client;
pub mod directory;
pub mod metadata;
pub mod moment;
pub mod publisher;
pub mod source;
mod store;
mod trusted;
mod verified;

pub use client::{Client, DirectoryError};
pub use directory::{
    DIRECTORY_FILE, Directory, DirectoryFault, ExchangeKey, Group, Member, Node, Subsystem,
};
pub use moment::Moment;
pub use publisher::{PublishError, Publisher};
pub use source::{Fetch, FetchError, FolderSource};
pub use store::StoreError;
pub use trusted::Trusted;
