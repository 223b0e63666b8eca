//! Looking names up.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::collections::HashMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use tokio::sync::watch;

type Found = Result<Vec<SocketAddr>, String>;
type UnderWay = HashMap<String, watch::Receiver<Option<Found>>>;

/// Looks names up by the system, each on a thread of its own, and none twice at once: where the system hears nothing of whom it asks,
/// tens of seconds for each, neither do threads come together that wait for it, nor does the end of the process.
#[derive(Clone, Default)]
pub struct Resolver(Arc<Mutex<UnderWay>>);

/// The one for all who ask.
pub fn shared() -> Resolver {
    static SHARED: LazyLock<Resolver> = LazyLock::new(Resolver::default);
    SHARED.clone()
}

impl Resolver {
    /// What will be found of a name; what is under way already, where something is.
    fn ask(&self, name: &str) -> Result<watch::Receiver<Option<Found>>, std::io::Error> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = under_way.get(name) {
            return Ok(found.clone());
        }
        let (tell, found) = watch::channel(None);
        let (own, all) = (name.to_owned(), self.clone());
        std::thread::Builder::new().name("names".into()).spawn(move || {
            let addresses = (own.as_str(), 0).to_socket_addrs();
            let addresses = addresses.map(Iterator::collect).map_err(|error| error.to_string());
            all.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&own);
            let _ = tell.send(Some(addresses));
        })?;
        under_way.insert(name.to_owned(), found.clone());
        Ok(found)
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let asked = self.ask(name.as_str());
        Box::pin(async move {
            let mut asked = asked?;
            let found = asked.wait_for(Option::is_some).await?.clone();
            let addresses = found.unwrap_or_else(|| Err("it was not looked up".into()))?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_has_its_addresses_and_is_asked_for_anew_when_it_was_found() {
        let resolver = Resolver::default();
        for _ in 0..2 {
            let found: Vec<_> = resolver.resolve("localhost".parse().unwrap()).await.unwrap().collect();
            assert!(found.iter().any(|address| address.ip().is_loopback()), "{found:?}");
        }
        assert!(resolver.0.lock().unwrap().is_empty());
        assert!(resolver.resolve("nobody.invalid".parse().unwrap()).await.is_err());
    }

    #[tokio::test]
    async fn what_is_under_way_is_waited_for_by_all_who_ask() {
        let resolver = Resolver::default();
        let (tell, found) = watch::channel(None);
        resolver.0.lock().unwrap().insert("slow.example".into(), found);
        let asked = [(); 2].map(|()| resolver.resolve("slow.example".parse().unwrap()));
        let address = SocketAddr::from(([192, 0, 2, 1], 0));
        tell.send(Some(Ok(vec![address]))).unwrap();
        for asked in asked {
            assert_eq!(asked.await.unwrap().collect::<Vec<_>>(), [address]);
        }
    }
}
