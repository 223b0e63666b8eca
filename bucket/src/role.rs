//! Keys that AWS gives to whoever runs in the right place: to an instance, a task, a pod with a service account, by the
//! variables `AWS_*` that are set there. object_store knows how they are asked for.

use crate::Settings;
use crate::exchange::client;
use async_trait::async_trait;
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientOptions, RetryConfig};
use s3::Keys;
use std::time::Duration;
use tokio::time::timeout;

/// How long is tried to get keys, and how long an answer may take. Where there is no such place nobody answers.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(3);

/// What this process is to AWS.
pub struct Role {
    given: AwsCredentialProvider,
    region: String,
}

impl Role {
    /// What the environment says.
    ///
    /// # Errors
    /// A variable that nothing can be done with.
    pub fn of_environment(settings: &Settings) -> Result<Role, String> {
        let retry = RetryConfig { max_retries: 2, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let built = AmazonS3Builder::from_env()
            .with_region(&settings.region)
            // Of the store that is built nothing is used but its keys.
            .with_bucket_name("registry")
            .with_retry(retry)
            .with_http_connector(Connector)
            .build();
        let given = built.map_err(|error| error.to_string())?.credentials().clone();
        Ok(Role { given, region: settings.region.clone() })
    }

    /// The keys that hold now, and for some minutes more. They are remembered for as long as they are good.
    ///
    /// # Errors
    /// Nobody gives any.
    pub async fn keys(&self) -> Result<Keys, String> {
        let given = timeout(PATIENCE, self.given.get_credential()).await;
        let given = given.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
        let given = given.map_err(|error| error.to_string())?;
        let (access, secret) = (given.key_id.clone(), given.secret_key.clone());
        Keys::new(self.region.clone(), access, secret, given.token.clone()).map_err(|bad| bad.to_string())
    }
}

/// Connections of ours.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Connector))
    }
}

#[async_trait]
impl HttpService for Connector {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        match timeout(ANSWER, client().request(request)).await {
            Ok(Ok(answer)) => Ok(answer.map(|body| {
                HttpResponseBody::new(body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)))
            })),
            Ok(Err(error)) => {
                let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Request };
                Err(HttpError::new(kind, error))
            }
            Err(elapsed) => Err(HttpError::new(HttpErrorKind::Timeout, elapsed)),
        }
    }
}
