//! HTTP: what a request asks for, whom to ask for it, and what the answer looks like on the wire.
//!
//! One file per noun: [`blobs`], [`uploads`], [`manifests`], [`lists`]. Nothing here knows what a store is.

mod bindings {
    #![allow(missing_docs)]
    wit_bindgen::generate!({ world: "pierhead:registry/front-component", path: "../../wit", generate_all });
}
mod answer;
mod blobs;
mod events;
mod failure;
mod lists;
mod manifests;
mod place;
mod token;
mod uploads;

use answer::Answer;
use bindings::exports::wasi::http::handler::Guest;
use bindings::pierhead::host::config;
use bindings::pierhead::host::http::{self, RequestHead};
use bindings::pierhead::registry::auth::{self, Action, Grant, Question, Refusal};
use bindings::pierhead::registry::types::Readable;
use bindings::wasi::http::types::{ErrorCode, Request, Response};
use failure::Refused;
use names::RepositoryName;
use protocol::error::{Code, ErrorResponse};
use protocol::route::{Route, nothing_here};

struct Front;
bindings::export!(Front with_types_in bindings);

/// What a request asks for.
struct Asked<'a> {
    head: &'a RequestHead,
    route: &'a Route,
    query: &'a str,
}

impl Guest for Front {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let head = http::head(&request);
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        let route = match place::within(path).ok_or_else(nothing_here).and_then(Route::parse) {
            Ok(route) => route,
            Err(error) => return Ok(astray(&head, path, query, error).await),
        };
        let asked = Asked { head: &head, route: &route, query };
        let answer = match answer(&asked, request).await {
            Ok(answer) => answer,
            Err(refused) => refused.about(&route).allowing(&route, &head.method).answer(),
        };
        Ok(answer.send(Some(&route)).await)
    }
}

/// The answer at a path where nothing is: whoever reads and wrote a slash too many learns where it is, as from
/// distribution.
async fn astray(head: &RequestHead, path: &str, query: &str, error: ErrorResponse) -> Response {
    let elsewhere = place::tidied(path).filter(|_| matches!(head.method.as_str(), "GET" | "HEAD"));
    // What no URL has gets into no header.
    match elsewhere.filter(|_| query.bytes().all(|byte| byte.is_ascii_graphic())) {
        Some((path, route)) => {
            let path = place::path(&Asked { head, route: &route, query }, &path);
            let location = if query.is_empty() { path } else { [&path, "?", query].concat() };
            Answer::new(301).header("location", location).send(Some(&route)).await
        }
        None => Refused::from(error).answer().send(None).await,
    }
}

/// Whether nothing may be written.
fn read_only() -> bool {
    config::get("storage.maintenance.readonly.enabled").as_deref() == Some("true")
}

/// Whether a request with this method writes something. To ask for a token does not.
fn writes(route: &Route, method: &str) -> bool {
    *route != Route::Token && matches!(method, "POST" | "PUT" | "PATCH" | "DELETE")
}

/// The methods of a route, as its `Allow` lists them: where nothing may be written, the others.
fn served(route: &Route) -> String {
    let read_only = read_only();
    let methods = route.methods().split(", ").filter(|method| !(read_only && writes(route, method)));
    methods.collect::<Vec<_>>().join(", ")
}

async fn answer(asked: &Asked<'_>, request: Request) -> Result<Answer, Refused> {
    let method = asked.head.method.as_str();
    if !asked.route.methods().split(", ").any(|known| known == method) {
        let message = format!("{method} is not served here: {} are", served(asked.route));
        return Err(ErrorResponse::new(Code::Unsupported).message(message).into());
    }
    if writes(asked.route, method) && read_only() {
        let message = match config::get("proxy") {
            Some(_) => {
                "this registry is a cache of another one (proxy.remoteurl): push to that one, and delete there"
            }
            None => {
                "the registry takes no pushes and deletes nothing for the time being (storage.maintenance.readonly)"
            }
        };
        return Err(ErrorResponse::new(Code::Unsupported).message(message).into());
    }
    // Neither tells more than the path itself did: probes and browsers come without a login.
    if *asked.route == Route::Root {
        return Ok(Answer::bare());
    }
    if method == "OPTIONS" {
        return Ok(Answer::new(200).header("allow", served(asked.route)));
    }
    if *asked.route == Route::Token {
        return token::answer(asked, request).await;
    }
    let Grant { user, readable } = permit(asked).await?;
    match serve(asked, request, &readable).await {
        Ok(answer) => Ok(answer.asked_by(user)),
        Err(refused) => Err(refused.asked_by(user)),
    }
}

/// Does what was asked for and granted.
async fn serve(asked: &Asked<'_>, request: Request, readable: &Readable) -> Result<Answer, Refused> {
    match asked.route {
        Route::Root | Route::Token | Route::Version => Ok(Answer::new(200).json(b"{}")),
        Route::Catalog => lists::catalog(asked, readable).await,
        Route::Tags(name) => lists::tags(asked, name).await,
        Route::Manifest(name, reference) => manifests::answer(asked, name, reference, request).await,
        Route::Referrers(name, subject) => lists::referrers(asked, name, subject).await,
        Route::Blob(name, digest) => blobs::answer(asked, name, digest).await,
        Route::Uploads(name) => uploads::begin(asked, name, request).await,
        Route::Upload(name, upload) => uploads::answer(asked, name, upload, request).await,
    }
}

/// Asks `auth`, before anything else is done.
async fn permit(asked: &Asked<'_>) -> Result<Grant, Refused> {
    let action = match (asked.route, asked.head.method.as_str()) {
        (Route::Root | Route::Token | Route::Version, _) => Action::Ping,
        (Route::Catalog, _) => Action::Catalog,
        (Route::Uploads(_) | Route::Upload(..), _) | (_, "PUT") => Action::Push,
        (_, "DELETE") => Action::Delete,
        _ => Action::Pull,
    };
    ask(asked, action, asked.route.repository()).await.map_err(|refusal| Refused::told(asked, refusal))
}

/// Whether whoever asks may pull from another repository as well, as a mount does.
async fn may_pull(asked: &Asked<'_>, repository: &RepositoryName) -> bool {
    asked.route.repository() == Some(repository) || ask(asked, Action::Pull, Some(repository)).await.is_ok()
}

async fn ask(
    asked: &Asked<'_>,
    action: Action,
    repository: Option<&RepositoryName>,
) -> Result<Grant, Refusal> {
    let question = Question {
        authorization: asked.head.authorization.clone(),
        client_cert: asked.head.client_cert.clone(),
        action,
        repository: repository.map(|name| name.as_str().to_owned()),
    };
    match auth::check_now(&question) {
        Some(decision) => decision,
        None => auth::check(question).await,
    }
}
