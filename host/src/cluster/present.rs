//! The workers that are there now.

use std::{collections::HashMap, time::Duration};

use futures_util::StreamExt as _;
use tokio::time::timeout;

use super::{
    bus::Bus,
    error::ClusterError,
    offer::{ASK_FOR_OFFERS, OFFERS, Offer},
    settings::PublicKey,
};

/// How long all workers have to answer.
const ANSWERS_WITHIN: Duration = Duration::from_millis(700);

/// Asks all workers, and gives what each offers, with its key.
///
/// # Errors
///
/// The server can't be reached.
pub async fn offers(bus: &Bus) -> Result<Vec<(PublicKey, Offer)>, ClusterError> {
    let mut heard = bus.subscribe(OFFERS.to_owned()).await?;
    bus.publish(ASK_FOR_OFFERS.to_owned(), Vec::new()).await?;
    let mut res = HashMap::new();
    let listen = async {
        while let Some(message) = heard.next().await {
            if let Some((key, offer)) = Offer::read(&message.payload) {
                res.insert(offer.worker.clone(), (key, offer));
            }
        }
    };
    let _ = timeout(ANSWERS_WITHIN, listen).await;
    let mut res: Vec<_> = res.into_values().collect();
    res.sort_by(|one, other| {
        (&one.1.machine, &one.1.worker).cmp(&(&other.1.machine, &other.1.worker))
    });
    Ok(res)
}
