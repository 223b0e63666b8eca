//! How a certificate is asked for (RFC 8555), and the question answered that the authority has first (RFC 8737).

use super::{ALPN, Authority};
use instant_acme::{
    Account, ChallengeType, Error, Identifier, KeyAuthorization, NewAccount, NewOrder, Order, OrderStatus,
    Problem, RetryPolicy,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long to wait for the authority to look, and then for it to sign.
const PATIENCE: RetryPolicy = RetryPolicy::new().timeout(Duration::from_secs(90));

/// Connections of an authority that looks, and of nobody else, get what is in here.
type Answers = watch::Sender<Option<Arc<ServerConfig>>>;

/// An answer that is there to be looked at until it is dropped.
struct Answer<'a>(&'a Answers);

impl Drop for Answer<'_> {
    fn drop(&mut self) {
        self.0.send_replace(None);
    }
}

impl Authority {
    /// Gets a certificate for a host: a new key, and after it the chain, in PEM.
    pub(super) async fn obtain(&self, host: &str) -> Result<String, Error> {
        let mut order = match self.order(host).await {
            Err(error) if is(&error, "accountDoesNotExist") => {
                self.cache.forget_account();
                self.order(host).await?
            }
            order => order?,
        };
        self.authorise(host, &mut order).await?;
        let key = order.finalize().await?;
        let chain = order.poll_certificate(&PATIENCE).await?;
        Ok(key + &chain)
    }

    async fn order(&self, host: &str) -> Result<Order, Error> {
        let identifiers = [Identifier::Dns(host.to_owned())];
        self.account().await?.new_order(&NewOrder::new(&identifiers)).await
    }

    /// The account that is kept, or a new one.
    async fn account(&self) -> Result<Account, Error> {
        let settings = &self.settings;
        let builder = match &settings.directoryca {
            Some(file) => Account::builder_with_root(file)?,
            None => Account::builder()?,
        };
        if let Some(credentials) = self.cache.account(&settings.directoryurl) {
            return builder.from_credentials(credentials).await;
        }
        let contact = format!("mailto:{}", settings.email);
        let contact: &[&str] = if settings.email.is_empty() { &[] } else { &[&contact] };
        let new = NewAccount { contact, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&new, settings.directoryurl.clone(), None).await?;
        self.cache.keep_account(&credentials);
        tracing::info!(
            authority = settings.directoryurl,
            "made an account with the authority of certificates"
        );
        Ok(account)
    }

    /// Shows that the host is ours, unless the authority still knows.
    async fn authorise(&self, host: &str, order: &mut Order) -> Result<(), Error> {
        if order.state().status != OrderStatus::Pending {
            return Ok(());
        }
        // An order for one host has one authorization.
        let mut authorizations = order.authorizations();
        let mut authorization = authorizations.next().await.ok_or(Error::Str("an authorization"))??;
        let challenge = authorization.challenge(ChallengeType::TlsAlpn01);
        let mut challenge = challenge.ok_or(Error::Unsupported("the challenge tls-alpn-01"))?;
        let _answer = self.answer(host, &challenge.key_authorization())?;
        challenge.set_ready().await?;
        match order.poll_ready(&PATIENCE).await? {
            OrderStatus::Ready => Ok(()),
            _ => Err(refusal(order).await),
        }
    }

    /// Shows the certificate that the authority looks for (RFC 8737, 3) to whoever asks for the protocol.
    fn answer(&self, host: &str, authorization: &KeyAuthorization) -> Result<Answer<'_>, Error> {
        let other = |error: &dyn std::error::Error| Error::Other(error.to_string().into());
        let mut params = CertificateParams::new([host.to_owned()]).map_err(|error| other(&error))?;
        params.custom_extensions =
            vec![CustomExtension::new_acme_identifier(authorization.digest().as_ref())];
        let key = KeyPair::generate().map_err(|error| other(&error))?;
        let certificate = params.self_signed(&key).map_err(|error| other(&error))?;

        let builder = self.builder.clone();
        let signer = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let signer = builder.crypto_provider().key_provider.load_private_key(signer);
        let signer = signer.map_err(|error| other(&error))?;
        let pair = CertifiedKey::new(vec![certificate.der().clone()], signer);
        let resolver = Arc::new(SingleCertAndKey::from(pair));
        let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
        config.alpn_protocols = vec![ALPN.into()];
        config.send_tls13_tickets = 0;
        self.answers.send_replace(Some(Arc::new(config)));
        Ok(Answer(&self.answers))
    }
}

/// Why an order came to nothing: the authority says it of what it looked at.
async fn refusal(order: &mut Order) -> Error {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        let Ok(state) = authorization.refresh().await else { continue };
        if let Some(problem) = state.challenges.iter().find_map(|challenge| challenge.error.clone()) {
            return Error::Api(problem);
        }
    }
    Error::Str("the authority refuses without a reason")
}

/// Whether the authority gives this reason (RFC 8555, 6.7).
fn is(error: &Error, reason: &str) -> bool {
    matches!(error, Error::Api(Problem { r#type: Some(found), .. })
        if found.strip_prefix("urn:ietf:params:acme:error:") == Some(reason))
}
