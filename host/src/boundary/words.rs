//! What a plugin asks for, as a person reads it who is asked to agree: one
//! sentence a line.
//!
//! An approval is kept in these very sentences. So whatever makes a difference
//! to what a plugin may do is a difference in them, too. What its author wrote
//! stands in quotes.

use super::asks::{Access, Asks, SecretAsk, SettingAsk, WorkspaceAsk};
use crate::tools::web::HttpRule;

/// Of a plugin that asks for nothing.
const NOTHING: &str = "Nothing but its own computing";

impl Asks {
    /// What it may do, in words; at least one sentence.
    pub fn words(&self) -> Vec<String> {
        let requests = self.http.iter().map(request);
        let secrets = self.secrets.iter().map(secret);
        let files = self.workspace.iter().map(files);
        let settings = self.settings.iter().map(setting);
        let words: Vec<String> = requests.chain(secrets).chain(files).chain(settings).collect();
        if words.is_empty() { vec![NOTHING.to_owned()] } else { words }
    }
}

fn request(it: &HttpRule) -> String {
    format!("May send {} requests to {}", listed(&it.methods), address(it))
}

fn secret(it: &SecretAsk) -> String {
    let SecretAsk { name, description, audience, header, format, required } = it;
    let whether = if *required { "Needs" } else { "Works better with" };
    let audience: Vec<String> = audience.iter().map(address).collect();
    format!(
        "{whether} your secret `{name}` (“{description}”): the host sends it as `{header}: {}` to {}, \
         and the plugin never sees it",
        format.replace("{}", "…"),
        listed(&audience),
    )
}

fn files(WorkspaceAsk { access, subtree }: &WorkspaceAsk) -> String {
    let may = match access {
        Access::Read => "read",
        Access::ReadWrite => "read and change",
    };
    let which = match subtree.as_str() {
        "" => "all files of the workspace".to_owned(),
        subtree => format!("the files in `{subtree}` of the workspace"),
    };
    format!("May {may} {which}, for callers that may do so themselves")
}

fn setting(SettingAsk { name, description, default }: &SettingAsk) -> String {
    let unset = match default {
        Some(default) => format!(", which is `{default}` unless you set it"),
        None => String::new(),
    };
    format!("Reads the setting `{name}` (“{description}”){unset}")
}

/// Where requests go, without a method before it.
fn address(it: &HttpRule) -> String {
    let text = it.rule.to_string();
    let text = text.split_once(' ').map_or(text.as_str(), |it| it.1);
    match text {
        "*" => "any public address".to_owned(),
        "https://*" | "https://*/" => "any public address, by https".to_owned(),
        "http://*" | "http://*/" => "any public address, by http".to_owned(),
        text => format!("{text}…"),
    }
}

/// `a, b and c`.
fn listed(words: &[String]) -> String {
    match words {
        [] => "no".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(url: &str, methods: &[&str]) -> HttpRule {
        let methods = methods.iter().map(|it| (*it).to_owned()).collect();
        HttpRule { rule: url.parse().unwrap(), methods }
    }

    fn github() -> Asks {
        let api = rule("https://api.github.com/repos", &["GET", "POST"]);
        Asks {
            http: vec![api.clone(), rule("https://*.example.org", &["GET"]), rule("*", &["HEAD"])],
            secrets: vec![SecretAsk {
                name: "token".to_owned(),
                description: "A token of yours".to_owned(),
                audience: vec![api],
                header: "Authorization".to_owned(),
                format: "Bearer {}".to_owned(),
                required: true,
            }],
            settings: vec![SettingAsk {
                name: "api".to_owned(),
                description: "Where it is".to_owned(),
                default: Some("https://api.github.com".to_owned()),
            }],
            workspace: Some(WorkspaceAsk { access: Access::Read, subtree: "data".to_owned() }),
        }
    }

    #[test]
    fn a_person_who_is_no_programmer_reads_what_it_may_do() {
        insta::assert_snapshot!(github().words().join("\n"), @"
        May send GET and POST requests to https://api.github.com/repos/…
        May send GET requests to https://*.example.org/…
        May send HEAD requests to any public address
        Needs your secret `token` (“A token of yours”): the host sends it as `Authorization: Bearer …` to https://api.github.com/repos/…, and the plugin never sees it
        May read the files in `data` of the workspace, for callers that may do so themselves
        Reads the setting `api` (“Where it is”), which is `https://api.github.com` unless you set it
        ");
        assert_eq!(Asks::default().words(), [NOTHING]);
    }

    #[test]
    fn whatever_changes_a_wish_changes_its_words() {
        let changes: [fn(&mut Asks); 14] = [
            |it| it.http.truncate(2),
            |it| it.http[0] = rule("https://api.github.com", &["GET", "POST"]),
            |it| it.http[0].methods.push("DELETE".to_owned()),
            |it| it.secrets.clear(),
            |it| it.secrets[0].name.push('2'),
            |it| it.secrets[0].description.push('2'),
            |it| it.secrets[0].audience.push(rule("https://*.example.org", &["GET"])),
            |it| it.secrets[0].header.push('2'),
            |it| it.secrets[0].format.push('2'),
            |it| it.secrets[0].required = false,
            |it| it.settings[0].default = None,
            |it| it.settings[0].description.push('2'),
            |it| it.workspace.as_mut().unwrap().access = Access::ReadWrite,
            |it| it.workspace.as_mut().unwrap().subtree.clear(),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = github();
            change(&mut changed);
            assert_ne!(changed.words(), github().words(), "change {index}");
        }
    }
}
