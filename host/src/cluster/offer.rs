//! What workers offer, and whether a child fits one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{key::HostKey, settings::PublicKey};

const PURPOSE: &str = "hermitage offers";

/// Where workers say what they offer.
pub(super) const OFFERS: &str = "hermitage.offers";
/// Where they are asked to say it at once.
pub(super) const ASK_FOR_OFFERS: &str = "hermitage.offers.ask";

/// How often a worker says it.
pub(super) const OFTEN: Duration = Duration::from_secs(2);

/// What one worker offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What it is known by; of each start a new one.
    pub worker: String,
    /// The machine's name for itself.
    pub machine: String,
    /// Of the program.
    pub version: String,
    /// Children that it can run at a time.
    pub cells: u32,
    /// Children that it runs.
    pub running: u32,
    /// Deepest children that it runs.
    pub max_depth: u32,
    /// Toolsets that children may hold there; all, when it is empty.
    pub toolsets: Vec<String>,
    /// What it is called.
    pub labels: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct SignedOffer {
    key: PublicKey,
    text: String,
    signature: Vec<u8>,
}

impl Offer {
    pub(super) fn signed(&self, key: &HostKey) -> Vec<u8> {
        let text = serde_json::to_string(self).unwrap_or_default();
        let signature = key.sign(PURPOSE, text.as_bytes());
        let signed = SignedOffer { key: key.public(), text, signature };
        serde_json::to_vec(&signed).unwrap_or_default()
    }

    /// An offer and who made it.
    pub(super) fn read(bytes: &[u8]) -> Option<(PublicKey, Self)> {
        let SignedOffer { key, text, signature } = serde_json::from_slice(bytes).ok()?;
        let is_signed = key.has_signed(PURPOSE, text.as_bytes(), &signature);
        is_signed.then(|| Some((key, serde_json::from_str(&text).ok()?)))?
    }
}

/// What a child needs of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Needs {
    pub(super) version: String,
    pub(super) depth: u32,
    pub(super) toolsets: Vec<String>,
    pub(super) labels: Vec<String>,
}

impl Needs {
    /// Why a worker is none for it.
    pub(super) fn misfit(&self, offer: &Offer) -> Option<String> {
        let lacks =
            |needed: &[String], has: &[String]| needed.iter().find(|it| !has.contains(it)).cloned();
        if self.version != offer.version {
            return Some(format!("is version {}, not {}", offer.version, self.version));
        }
        if self.depth > offer.max_depth {
            return Some(format!("takes children down to depth {}", offer.max_depth));
        }
        if let Some(label) = lacks(&self.labels, &offer.labels) {
            return Some(format!("has no label `{label}`"));
        }
        let toolset = lacks(&self.toolsets, &offer.toolsets).filter(|_| !offer.toolsets.is_empty());
        toolset.map(|it| format!("lets no child hold `{it}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(toolsets: &[&str], labels: &[&str]) -> Offer {
        let [toolsets, labels] =
            [toolsets, labels].map(|it| it.iter().map(|it| (*it).to_owned()).collect());
        let [worker, machine, version] = ["w", "m", "1"].map(str::to_owned);
        Offer { worker, machine, version, cells: 1, running: 0, max_depth: 2, toolsets, labels }
    }

    #[test]
    fn who_does_not_fit_is_told_why() {
        let check = |toolsets: &[&str], labels: &[&str], depth, offer: Offer, expect: &str| {
            let [toolsets, labels] =
                [toolsets, labels].map(|it| it.iter().map(|it| (*it).to_owned()).collect());
            let needs = Needs { version: "1".to_owned(), depth, toolsets, labels };
            assert_eq!(needs.misfit(&offer).unwrap_or_default(), expect);
        };
        check(&["file"], &[], 1, offer(&[], &[]), "");
        check(&["file"], &["big"], 2, offer(&["file", "web"], &["big"]), "");
        check(&["file"], &[], 1, offer(&["web"], &[]), "lets no child hold `file`");
        check(&[], &["big"], 1, offer(&[], &["small"]), "has no label `big`");
        check(&[], &[], 3, offer(&[], &[]), "takes children down to depth 2");
        let other = Offer { version: "2".to_owned(), ..offer(&[], &[]) };
        check(&[], &[], 1, other, "is version 2, not 1");
    }

    #[test]
    fn an_offer_is_of_whoever_signed_it() {
        let key = HostKey::fresh().unwrap();
        let signed = offer(&[], &[]).signed(&key);
        assert_eq!(Offer::read(&signed), Some((key.public(), offer(&[], &[]))));
        let other = HostKey::fresh().unwrap().public().to_string();
        let forged = String::from_utf8(signed).unwrap().replace(&key.public().to_string(), &other);
        assert_eq!(Offer::read(forged.as_bytes()), None);
    }
}
