//! How long a service stays. Declared here, because the service itself knows
//! no configuration.

use std::time::Duration;

use crate::setting::{seconds, settings};

// A service is one for every project of the user.
settings! {
    /// The host that stays: `hermitage serve`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ServeConfig in "serve" {
        /// How long a service that was started on demand stays while nothing
        /// runs and nobody asks. One that a person started stays until it is
        /// ended.
        ///
        /// Bounds how long memory is held for nobody; each new start takes a
        /// moment.
        pub idle_time as "idle_seconds": Duration = seconds(600, 1..=86_400), project: Never;
    }
}
