//! The journal as a whole: its life, its crashes, its readers, its damage.

mod crash;
mod damage;
mod life;
mod reading;
mod support;
