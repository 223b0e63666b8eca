//! Who we are to a bucket where no key says it: AWS gives keys to whoever runs in the right place, an instance, a task, a pod with a
//! service account, by the variables `AWS_*` that are set there; Azure gives tokens, to an application with its secret, a workload
//! or a managed identity. object_store knows how they are asked for.

use crate::Settings;
use crate::exchange::client;
use crate::service::{Account, Signer, Signing};
use async_trait::async_trait;
use azure::Identity;
use http_body_util::BodyExt;
use object_store::aws::{AmazonS3Builder, AwsCredentialProvider};
use object_store::azure::{
    AzureConfigKey, AzureCredentialProvider, MicrosoftAzure, MicrosoftAzureBuilder, authority_hosts,
};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientOptions, RetryConfig};
use s3::Keys;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long is tried to get keys, and how long an answer may take. Where there is no such place nobody answers.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(3);

/// Who is asked, and for which bucket.
pub enum Giver {
    /// AWS.
    Aws {
        /// Where the bucket is.
        place: s3::Place,
        /// In which region.
        region: String,
    },
    /// Azure, for a container.
    Azure(azure::Settings),
}

impl Giver {
    /// What would say who we are, where nobody gives anything.
    pub fn advice(&self) -> &'static str {
        match self {
            Giver::Aws { .. } => {
                "give storage.s3.accesskey and storage.s3.secretkey, or run where AWS gives one (an instance, a task or a service \
                 account with a role, or the variables AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
            }
            Giver::Azure(_) => {
                "give storage.azure.accountkey, or look at storage.azure.credentials, or run where Azure gives a token (a workload or a \
                 managed identity, with the variables AZURE_*)"
            }
        }
    }
}

/// What this process is to AWS, or to Azure.
pub struct Role(Given);

enum Given {
    Aws { given: AwsCredentialProvider, place: s3::Place, region: String },
    Azure { given: AzureCredentialProvider, settings: azure::Settings },
}

impl Role {
    /// What settings and the environment say.
    ///
    /// # Errors
    /// Something that nothing can be done with. The text has no secret.
    pub fn of(settings: &Settings) -> Result<Role, String> {
        let retry = RetryConfig { max_retries: 2, retry_timeout: PATIENCE, ..RetryConfig::default() };
        let given = match &settings.giver {
            Giver::Aws { place, region } => {
                let built = AmazonS3Builder::from_env()
                    .with_region(region)
                    // Of the store that is built nothing is used but its keys.
                    .with_bucket_name("registry")
                    .with_retry(retry)
                    .with_http_connector(Connector)
                    .build();
                let given = built.map_err(|error| error.to_string())?.credentials().clone();
                Given::Aws { given, place: place.clone(), region: region.clone() }
            }
            Giver::Azure(settings) => {
                let built = azure_store(settings, retry).map_err(|error| error.to_string())?;
                Given::Azure { given: built.credentials().clone(), settings: settings.clone() }
            }
        };
        Ok(Role(given))
    }

    /// The keys that hold now, and for some minutes more. They are remembered for as long as they are good.
    ///
    /// # Errors
    /// Nobody gives any.
    pub async fn keys(&self) -> Result<Arc<dyn Signer>, String> {
        match &self.0 {
            Given::Aws { given, place, region } => {
                let given = in_time(given.get_credential()).await?;
                let (access, secret) = (given.key_id.clone(), given.secret_key.clone());
                let keys = Keys::new(region.clone(), access, secret, given.token.clone());
                Ok(Arc::new(Signing::new(place, keys.map_err(|bad| bad.to_string())?)))
            }
            Given::Azure { given, settings } => {
                Ok(Arc::new(Account::new(settings, in_time(given.get_credential()).await?)))
            }
        }
    }
}

async fn in_time<T>(given: impl Future<Output = object_store::Result<T>>) -> Result<T, String> {
    let given = timeout(PATIENCE, given).await.map_err(|_| format!("no answer within {PATIENCE:?}"))?;
    given.map_err(|error| error.to_string())
}

/// The variables in which Azure says who runs here: an application or a workload, or where a managed identity is asked for.
const VARIABLES: [(&str, AzureConfigKey); 6] = [
    ("AZURE_AUTHORITY_HOST", AzureConfigKey::AuthorityHost),
    ("AZURE_TENANT_ID", AzureConfigKey::AuthorityId),
    ("AZURE_CLIENT_ID", AzureConfigKey::ClientId),
    ("AZURE_CLIENT_SECRET", AzureConfigKey::ClientSecret),
    ("AZURE_FEDERATED_TOKEN_FILE", AzureConfigKey::FederatedTokenFile),
    ("IDENTITY_ENDPOINT", AzureConfigKey::MsiEndpoint),
];

/// A store of which nothing is used but who we are to it.
fn azure_store(settings: &azure::Settings, retry: RetryConfig) -> object_store::Result<MicrosoftAzure> {
    let authority = match &*settings.realm {
        "core.chinacloudapi.cn" => authority_hosts::AZURE_CHINA,
        "core.usgovcloudapi.net" => authority_hosts::AZURE_GOVERNMENT,
        _ => authority_hosts::AZURE_PUBLIC_CLOUD,
    };
    let builder = match &settings.identity {
        Identity::SharedKey(key) => MicrosoftAzureBuilder::new().with_access_key(key),
        Identity::ClientSecret { client, tenant, secret } => MicrosoftAzureBuilder::new()
            .with_authority_host(authority)
            .with_client_secret_authorization(client, secret, tenant),
        Identity::Default => {
            let said = VARIABLES.iter().filter_map(|(name, key)| Some((key, std::env::var(name).ok()?)));
            let builder = MicrosoftAzureBuilder::new().with_authority_host(authority);
            said.fold(builder, |builder, (key, value)| builder.with_config(*key, value))
        }
    };
    builder
        .with_account(&settings.account)
        .with_container_name(&settings.container)
        .with_endpoint(settings.service.clone())
        .with_retry(retry)
        .with_http_connector(Connector)
        .build()
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
