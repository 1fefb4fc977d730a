//! The journal as a whole: its life, its crashes, its readers, its damage.

mod answers;
mod batches;
mod begins;
mod bytes;
mod crash;
mod damage;
mod home;
mod life;
mod lost;
mod matrix;
mod past;
mod reading;
mod rewrap;
mod stamps;
mod support;
mod witnessed;
