//! Hosts for the service, each set up as `run` sets up its own.

use std::path::Path;

use futures_util::future::BoxFuture;

use super::super::{args::Global, error::CliError, setup::Setup};
use crate::{
    host::Host,
    serve::{OpenError, OpenHost},
};

/// Sets up a host for each workspace, with the project's file in it.
pub(super) struct Opener {
    pub(super) global: Global,
}

impl Opener {
    async fn host(&self, workspace: &Path, beside: Option<&Host>) -> Result<Host, CliError> {
        let setup = Setup::again(&self.global, Some(workspace))?;
        setup.host_of_service(workspace, beside).await
    }
}

impl OpenHost for Opener {
    fn open<'a>(
        &'a self,
        workspace: &'a Path,
        beside: Option<&'a Host>,
    ) -> BoxFuture<'a, Result<Host, OpenError>> {
        Box::pin(async move {
            let told = |it: CliError| OpenError { message: it.text(), hint: it.how() };
            self.host(workspace, beside).await.map_err(told)
        })
    }
}
