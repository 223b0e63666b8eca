//! Tokens of our own (distribution, "Token Authentication" and "Oauth2 Token Authentication").

use crate::Asked;
use crate::answer::Answer;
use crate::bindings::pierhead::host::http::BodyError;
use crate::bindings::pierhead::host::{config, http};
use crate::bindings::pierhead::registry::auth::{self, TokenRequest};
use crate::bindings::wasi::http::types::Request;
use crate::failure::Refused;
use protocol::error::{Code, ErrorResponse};
use protocol::query;
use protocol::route::nothing_here;

/// The longest form that is read.
const FORM: u32 = 64 << 10;

/// How many scopes a token may be asked for.
const SCOPES: usize = 100;

/// GET with a login in the header or none, or POST of a form with one.
pub async fn answer(asked: &Asked<'_>, request: Request) -> Result<Answer, Refused> {
    if config::get("auth.issuer.enabled").as_deref() != Some("true") {
        return Err(nothing_here().into());
    }
    let (parameters, login) = match asked.head.method.as_str() {
        "POST" => {
            let form = http::read_body(request, FORM).await.map_err(unread)?;
            let form = String::from_utf8(form).map_err(|_| malformed("the form is not UTF-8"))?;
            let login = login(&form)?;
            (form, Some(login))
        }
        _ => (asked.query.to_owned(), None),
    };
    let scopes = scopes(&parameters)?;
    let wanted = TokenRequest {
        authorization: asked.head.authorization.clone().filter(|_| login.is_none()),
        client_cert: asked.head.client_cert.clone(),
        login,
        scopes,
    };
    let issued = auth::issue(wanted).await.map_err(|refusal| Refused::told(asked, refusal))?;
    // A token is letters, digits, dots, - and _ (RFC 7515, 7.1).
    let (token, seconds) = (issued.text, issued.expires_in);
    let body = format!(
        r#"{{"token":"{token}","access_token":"{token}","expires_in":{seconds},"token_type":"Bearer"}}"#
    );
    Ok(Answer::new(200).header("cache-control", "no-store").json(body))
}

/// What the token shall be good for: parameters called `scope`, each with spaces between scopes.
fn scopes(parameters: &str) -> Result<Vec<String>, Refused> {
    let mut scopes = Vec::new();
    for (_, list) in query::pairs(parameters).filter(|(name, _)| name == "scope") {
        for scope in list.split(' ').filter(|scope| !scope.is_empty()) {
            if scopes.len() >= SCOPES {
                return Err(malformed("a token has at most 100 scopes: ask for fewer"));
            }
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

/// The name and the password in a form. No other way to be granted a token is known here (RFC 6749, 4.3).
fn login(form: &str) -> Result<(String, String), Refused> {
    if query::first(form, "grant_type").as_deref() != Some("password") {
        return Err(malformed("grant_type has to be password"));
    }
    let field = |name: &str| query::first(form, name).map(Into::into);
    match (field("username"), field("password")) {
        (Some(user), Some(password)) => Ok((user, password)),
        _ => Err(malformed("the form has no username or no password")),
    }
}

fn unread(error: BodyError) -> Refused {
    match error {
        BodyError::TooLarge => {
            ErrorResponse::new(Code::Unsupported).status(413).message("the form is longer than 64 KiB").into()
        }
        BodyError::Interrupted => malformed("the form did not come whole: it broke off, or took too long"),
    }
}

fn malformed(message: &'static str) -> Refused {
    ErrorResponse::new(Code::Unsupported).status(400).message(message).into()
}
