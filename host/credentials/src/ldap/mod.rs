//! A directory that is asked over LDAP: who someone is, whether a password is theirs, and in which groups they are.
//!
//! People are found by a searcher of its own (`auth.ldap.binddn`), and prove themselves by a bind. All of it is done
//! on one thread that no request is served on, over a few connections that are kept.

mod connection;
mod fault;
mod groups;
mod name;
mod options;
mod seats;
mod session;

pub use fault::Fault;
pub use options::{DirectoryOptions, GroupOptions, attribute, directory_url, filter, member_filter};

use crate::lock;
use crate::source::OpenError;
use connection::Connection;
use fault::code;
use ldap3::Scope;
use rustls::ClientConfig;
use seats::Seats;
use session::{Person, Session};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::time::timeout;

/// How long an unused connection is trusted to be still there.
const IDLE: Duration = Duration::from_secs(60);

/// An attribute that no entry has: entries are asked for without any (RFC 4511, 4.5.1.8).
const NONE: &str = "1.1";

/// A directory. Clones are the same.
#[derive(Clone)]
pub struct Directory(Arc<Inner>);

struct Inner {
    options: DirectoryOptions,
    tls: Option<Arc<ClientConfig>>,
    runtime: Handle,
    /// One for each connection that there may be.
    seats: Seats,
    /// Connections that nobody uses; the last was used last.
    idle: Mutex<Vec<Connection>>,
    /// Which of the places answered last.
    place: AtomicUsize,
}

fn lasting(fault: &Fault) -> OpenError {
    OpenError::Directory(fault.to_string())
}

/// Reads the files that the options name. The directory is not asked.
///
/// # Errors
/// When one cannot be read or is not what its setting asks for.
pub fn check_directory(options: &DirectoryOptions) -> Result<(), OpenError> {
    let read = connection::tls(options).and_then(|_| options.password());
    read.map(drop).map_err(|fault| lasting(&fault))
}

impl Directory {
    /// Sees whether the directory answers as it should. One that does not answer at all may do so later.
    ///
    /// # Errors
    /// When the options and the directory do not fit together, and when there can be no thread.
    pub fn start(options: DirectoryOptions) -> Result<Directory, OpenError> {
        let tls = connection::tls(&options).map_err(|fault| lasting(&fault))?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let directory = Directory(Arc::new(Inner {
            tls,
            runtime: runtime.handle().clone(),
            seats: Seats::new(options.connections),
            idle: Mutex::default(),
            place: AtomicUsize::new(0),
            options,
        }));
        let asked = directory.clone();
        let checked = runtime.block_on(runtime.spawn(async move { asked.check().await }));
        match checked.unwrap_or_else(|_| Err(Fault::Lost("what it says cannot be read".into()))) {
            Err(fault @ Fault::Lasting(..)) => return Err(lasting(&fault)),
            Err(fault) => {
                tracing::warn!("the directory of users cannot be asked, and nobody can log in: {fault}")
            }
            Ok(()) => {}
        }
        let work = move || runtime.block_on(std::future::pending::<()>());
        std::thread::Builder::new().name("directory".into()).spawn(work)?;
        Ok(directory)
    }

    /// Has something done on the thread of the directory.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.runtime.spawn(work);
    }

    /// Whether the searcher may come in, and what it is to search is there.
    async fn check(&self) -> Result<(), Fault> {
        let options = &self.0.options;
        // Nobody else asks yet.
        let mut session = self.session(Ipv4Addr::UNSPECIFIED.into()).await?;
        session.connect().await?;
        let groups = options.groups.base.as_deref().map(|base| (base, fault::GROUPS));
        for (base, setting) in [(options.base.as_str(), fault::BASE)].into_iter().chain(groups) {
            let found = session.search(base, Scope::Base, "(objectClass=*)", &[NONE], 0).await?;
            let wrong = "the directory does not show what is there to its searcher (auth.ldap.binddn)";
            if let Some(fault) = fault::of_result(&found.result, setting, wrong) {
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Finds who has a name, for whoever is at this address. It is nobody's as well when it is more than one's.
    pub async fn find(&self, user: &str, from: IpAddr) -> Result<(Session, Option<Person>), Fault> {
        let mut session = self.session(from).await?;
        if session.is_connected() {
            match session.find(user).await {
                // What was not used for a while may be gone, and with it the others.
                Err(Fault::Lost(_)) => lock(&self.0.idle).clear(),
                found => return found.map(|person| (session, person)),
            }
        }
        session.connect().await?;
        let person = session.find(user).await?;
        Ok((session, person))
    }

    /// Makes a connection the searcher's.
    async fn become_searcher(&self, connection: &mut Connection) -> Result<(), Fault> {
        if connection.searches {
            return Ok(());
        }
        let options = &self.0.options;
        let dn = options.bind_dn.as_deref().unwrap_or_default();
        let result = connection.bind(dn, &options.password()?).await?;
        let wrong = match result.rc {
            code::INVALID_CREDENTIALS => {
                "the directory does not take this name with the password of auth.ldap.bindpassword"
            }
            _ => "the directory does not let it in",
        };
        match fault::of_result(&result, fault::BIND_DN, wrong) {
            Some(fault) => Err(fault),
            None => {
                connection.searches = true;
                Ok(())
            }
        }
    }

    /// A share of the connections, with one that was used before, where there is one.
    async fn session(&self, from: IpAddr) -> Result<Session, Fault> {
        let inner = &self.0;
        let Ok(seat) = timeout(inner.options.timeout, inner.seats.take(from)).await else {
            let problem = "each of the connections to the directory is in use (auth.ldap.connections)";
            return Err(Fault::Busy(problem.into()));
        };
        let mut idle = lock(&inner.idle);
        idle.retain_mut(|connection| connection.used.elapsed() < IDLE && !connection.is_closed());
        let connection = idle.pop();
        drop(idle);
        Ok(Session::new(self, connection, seat))
    }

    /// A new connection to the place that answered last, or to the next that answers.
    async fn connect(&self) -> Result<Connection, Fault> {
        let inner = &self.0;
        let (urls, first) = (&inner.options.urls, inner.place.load(Ordering::Relaxed));
        let mut faults = Vec::new();
        for number in 0..urls.len() {
            let place = (first + number) % urls.len();
            match Connection::open(&urls[place], &inner.options, inner.tls.clone()).await {
                Ok(connection) => {
                    inner.place.store(place, Ordering::Relaxed);
                    return Ok(connection);
                }
                Err(fault) => faults.push(fault),
            }
        }
        // Where one only failed to answer, waiting may help.
        let lost = faults.iter().position(|fault| !matches!(fault, Fault::Lasting(..))).unwrap_or(0);
        Err(faults.swap_remove(lost))
    }
}
