//! A fuzz target: the oracle of its own name.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};

fuzz_target!(
    init: hermitage::run_if_helper(),
    |bytes: &[u8]| -> Corpus {
        match hermitage::oracle::check(env!("CARGO_BIN_NAME"), bytes) {
            true => Corpus::Keep,
            false => Corpus::Reject,
        }
    }
);
