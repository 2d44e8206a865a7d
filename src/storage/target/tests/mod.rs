//! Stories of targets: each puts a small tree somewhere, with something in the way or something going wrong.

mod crash;
mod disk_trouble;
mod fixture;
mod meddling;
mod ordinary_user;
mod pausing;
mod planted;
mod refusals;
mod restaging;
mod staging;
