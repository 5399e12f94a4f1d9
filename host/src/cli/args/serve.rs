//! The arguments of the verbs around delegations that run elsewhere, and of
//! the host that stays.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args as ClapArgs;

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Serve {
    /// Speak HTTP on this address, too: one of this machine alone, such as
    /// `127.0.0.1:8765`; callers need a token
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub(crate) listen: Option<SocketAddr>,
    /// The directory of delegations that name none, and the only one that
    /// callers with a token work in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) workspace: PathBuf,
    /// Print a systemd user unit that does this, and do nothing
    #[arg(long)]
    pub(crate) unit: bool,
    /// Started by another command: ends when idle, and says nothing when
    /// another one was quicker
    #[arg(long, hide = true, conflicts_with_all = ["listen", "unit"])]
    pub(crate) on_demand: bool,
}

/// `localhost` is what people write. What it stands for is known without asking
/// anybody.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:");
    let numbers = port.map_or_else(|| text.to_owned(), |it| format!("127.0.0.1:{it}"));
    let wrong = "it takes an address of this machine and a port, such as `127.0.0.1:8765`";
    numbers.parse().map_err(|_| wrong.to_owned())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Worker {
    /// Print the public key of this host, made when there is none, and do
    /// nothing: other hosts list it in `cluster.trusted`
    #[arg(long)]
    pub(crate) key: bool,
    /// Say nothing but what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Workers {
    /// Print them as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Mcp {
    /// The directory that delegations work in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) workspace: PathBuf,
    /// The name of the session that completions go to: letters, digits, `-`,
    /// `_` and `.`; one of its own for each start when absent
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Wait {
    /// The delegation: its id, the beginning of it, or `latest`
    pub(crate) id: String,
    /// Print the completion as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the text that a model is told with, marker and all
    #[arg(long, conflicts_with = "json")]
    pub(crate) notice: bool,
    /// Say nothing but the result, and what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Stop {
    /// The delegation (its id, the beginning of it, or `latest`), and behind a
    /// slash the number of a single task, from 1
    #[arg(value_name = "ID[/TASK]")]
    pub(crate) child: String,
    /// Why: the child's result says so
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Steer {
    /// The delegation (its id, the beginning of it, or `latest`), and behind a
    /// slash the number of the task, from 1; a single task needs none
    #[arg(value_name = "ID[/TASK]")]
    pub(crate) child: String,
    /// What its model reads with its next call, if it makes another one
    pub(crate) text: String,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct FollowUp {
    /// The delegation (its id, the beginning of it, or `latest`), and behind a
    /// slash the number of the task, from 1; a single task needs none
    #[arg(value_name = "ID[/TASK]")]
    pub(crate) child: String,
    /// What is to be done now
    pub(crate) text: String,
    /// Another component; one that was given by path is to be named again
    #[arg(long, value_name = "NAME|PATH")]
    pub(crate) agent: Option<String>,
    /// Print the handle as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Say nothing but the id, and what went wrong
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Logs {
    /// The delegation (its id, the beginning of it, or `latest`), and behind a
    /// slash the number of a single task, from 1
    #[arg(value_name = "ID[/TASK]")]
    pub(crate) child: String,
    /// Go on until it has ended
    #[arg(short, long)]
    pub(crate) follow: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Token {
    /// Whose it is: each name has sessions of its own
    #[arg(default_value = "default")]
    pub(crate) name: String,
    /// Take it away instead: whoever has it is refused from now on
    #[arg(long)]
    pub(crate) remove: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_numbers_or_localhost() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(address(text).ok(), expect.map(|it| it.parse().unwrap()), "{text}");
        };
        check("127.0.0.1:8765", Some("127.0.0.1:8765"));
        check("[::1]:8765", Some("[::1]:8765"));
        check("localhost:8765", Some("127.0.0.1:8765"));
        for bad in ["8765", ":8765", "localhost", "localhost:", "localhost:99999", "example.org:80"]
        {
            check(bad, None);
        }
    }
}
