//! What the shared counters are made of. They name it through here only, so
//! that a test can compile them over types whose schedule it decides.

pub(super) use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
