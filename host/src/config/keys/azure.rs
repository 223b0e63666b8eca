//! Settings of content in a container of Azure's Blob service.

use super::MIB;
use super::key::{Key, ignored, key, refused};
use crate::config::value::Kind;

/// The smallest part of an upload, and the largest that the service takes.
const PART: usize = 5 * MIB;
const LARGEST_PART: usize = 4000 * MIB;

pub(super) const KEYS: &[Key] = &[
    key(
        "storage.azure.accountname",
        Kind::Text(|c| &mut c.storage.azure.accountname),
        "",
        "an account of Azure's storage, in a container of which content lies; `storage: azure` or any setting of these chooses it",
    ),
    key(
        "storage.azure.accountkey",
        Kind::Secret(|c| &mut c.storage.azure.accountkey),
        "",
        "a key of the account; without it, and with no other `credentials`, Azure gives a token to a workload or a managed identity",
    ),
    key(
        "storage.azure.container",
        Kind::Text(|c| &mut c.storage.azure.container),
        "",
        "the container, which has to be there",
    ),
    key(
        "storage.azure.rootdirectory",
        Kind::Text(|c| &mut c.storage.azure.rootdirectory),
        "",
        "what stands before all names in the container",
    ),
    key(
        "storage.azure.realm",
        Kind::Text(|c| &mut c.storage.azure.realm),
        "core.windows.net",
        "the domain of the account's services, as in core.chinacloudapi.cn",
    ),
    key(
        "storage.azure.serviceurl",
        Kind::Text(|c| &mut c.storage.azure.serviceurl),
        "",
        "where the account's Blob service is, if not at https://ACCOUNTNAME.blob.REALM",
    ),
    key(
        "storage.azure.chunksize",
        Kind::Size { slot: |c| &mut c.storage.azure.chunksize, least: PART, most: LARGEST_PART },
        "10MiB",
        "how much of an upload is sent to the container at once; an upload under way has twice as much in memory",
    ),
    key(
        "storage.azure.credentials.type",
        Kind::Text(|c| &mut c.storage.azure.credentials.kind),
        "",
        "who asks for content: shared_key, client_secret or default_credentials; without it the first where `accountkey` is given, \
         and else the last",
    ),
    key(
        "storage.azure.credentials.clientid",
        Kind::Text(|c| &mut c.storage.azure.credentials.clientid),
        "",
        "with client_secret: the application",
    ),
    key(
        "storage.azure.credentials.tenantid",
        Kind::Text(|c| &mut c.storage.azure.credentials.tenantid),
        "",
        "with client_secret: its directory",
    ),
    key(
        "storage.azure.credentials.secret",
        Kind::Secret(|c| &mut c.storage.azure.credentials.secret),
        "",
        "with client_secret: its secret",
    ),
    ignored(
        "storage.azure.connectionstring",
        &[],
        "all of these in one text: give `accountname` and `accountkey`",
    ),
    ignored("storage.azure.max_retries", &[], "how often something is tried again: four times"),
    ignored(
        "storage.azure.retry_delay",
        &[],
        "how long to wait before that: 100 ms at first, and each time twice as long",
    ),
    ignored(
        "storage.azure.copy_status_poll_max_retry",
        &[],
        "how often it is asked whether a copy is made: for 5 minutes",
    ),
    ignored("storage.azure.copy_status_poll_delay", &[], "how long to wait before that"),
    refused(
        "storage.azure.skipverify",
        &["false"],
        "whether the service's certificate is not looked at",
        "give the authority's certificate to the system, or in the variable SSL_CERT_FILE, and remove storage.azure.skipverify",
    ),
];
