//! stub
#[derive(Debug, thiserror::Error)] #[error("x")] pub struct PublishError;
#[derive(Debug)] pub struct Publisher;
impl Publisher { pub fn create(_k:&std::path::Path,_p:&std::path::Path,_n:u64)->Result<Self,PublishError>{Ok(Self)} pub fn open(_k:&std::path::Path,_p:&std::path::Path)->Result<Self,PublishError>{Ok(Self)} pub fn publish(&mut self,_d:&crate::Directory,_n:u64)->Result<u64,PublishError>{Ok(1)} pub fn refresh_timestamp(&mut self,_n:u64)->Result<(),PublishError>{Ok(())} }
