//! What an answer that is not a success means to us.

use crate::request::Method;

/// What can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// There is no such object, or no such upload.
    Absent,
    /// A condition does not hold: someone else was quicker.
    Changed,
    /// Parts that were there are there no more, or are others.
    Lost,
    /// What is there is of a kind that cannot be replaced, but by removing it first.
    OtherKind,
    /// It may succeed in a moment.
    Again,
    /// There is no room.
    Full,
    /// It is of no use until someone changes a setting or the bucket.
    Refused,
    /// The service does not know how to do that.
    NotImplemented,
    /// It is of no use at all.
    Failed,
}

/// Sorts an answer to such a request by its status and the code in its body, of which an answer to a HEAD has none.
pub fn judge(method: Method, status: u16, code: &str) -> Kind {
    match code {
        "NoSuchKey" | "NoSuchUpload" => return Kind::Absent,
        "NoSuchBucket" => return Kind::Refused,
        "PreconditionFailed" | "ConditionalRequestConflict" => return Kind::Changed,
        "InvalidPart" => return Kind::Lost,
        "QuotaExceeded" | "XMinioStorageFull" | "EntityTooLarge" => return Kind::Full,
        "SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "OperationAborted"
        | "BadDigest" | "IncompleteBody" => return Kind::Again,
        // What a host of its own says of a wrong region, or of a wrong form of names.
        "AuthorizationHeaderMalformed" | "PermanentRedirect" | "TemporaryRedirect" | "InvalidBucketName" => {
            return Kind::Refused;
        }
        "RequestTimeTooSkewed" | "ExpiredToken" | "InvalidToken" => return Kind::Refused,
        "NotImplemented" => return Kind::NotImplemented,
        _ => {}
    }
    match status {
        // Of everything else that is not there S3 says what it is: who does not is somebody else, a console or a proxy.
        404 if method == Method::Head => Kind::Absent,
        409 => Kind::Again,
        412 => Kind::Changed,
        301 | 307 | 401 | 403 | 404 => Kind::Refused,
        408 | 429 | 500 | 502 | 503 | 504 => Kind::Again,
        501 => Kind::NotImplemented,
        507 => Kind::Full,
        _ => Kind::Failed,
    }
}

/// What whoever reads the log should look at.
pub fn advice(status: u16, code: &str) -> &'static str {
    match code {
        "InvalidAccessKeyId" => "storage.s3.accesskey is not known there",
        "SignatureDoesNotMatch" => "storage.s3.secretkey does not belong to storage.s3.accesskey",
        "ExpiredToken" | "InvalidToken" => "storage.s3.sessiontoken has expired, or belongs to other keys",
        "NoSuchBucket" | "InvalidBucketName" => "storage.s3.bucket has to name a bucket that is there",
        "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" => "look at storage.s3.region",
        "PermanentRedirect" | "TemporaryRedirect" => {
            "look at storage.s3.region and storage.s3.regionendpoint"
        }
        "RequestTimeTooSkewed" => "the clock of this machine is wrong, or the other's is",
        "QuotaExceeded" | "XMinioStorageFull" => "the bucket is full",
        "NotImplemented" => {
            "pushes need a bucket that knows If-Match and If-None-Match on PUT (docs/hosts.md, A bucket)"
        }
        "InvalidStorageClass" => "look at storage.s3.storageclass",
        _ if code.starts_with("KMS") => "look at storage.s3.keyid",
        _ => match status {
            301 | 307 => "look at storage.s3.region and storage.s3.regionendpoint",
            404 if code.is_empty() => "that is no answer as S3 makes them; look at storage.s3.regionendpoint",
            404 => "look at storage.s3.accesskey, storage.s3.bucket and storage.s3.regionendpoint",
            401 | 403 => {
                "the keys of storage.s3.accesskey need GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListMultipartUploadParts and ListBucket in storage.s3.bucket"
            }
            _ => "",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(status: u16, code: &str) -> Kind {
        super::judge(Method::Get, status, code)
    }

    #[test]
    fn a_code_decides_before_a_status() {
        assert_eq!(judge(404, "NoSuchKey"), Kind::Absent);
        assert_eq!(super::judge(Method::Head, 404, ""), Kind::Absent);
        assert_eq!(judge(404, ""), Kind::Refused);
        assert_eq!(judge(404, "NoSuchBucket"), Kind::Refused);
        assert_eq!(judge(404, "NoSuchUser"), Kind::Refused);
        assert_eq!(judge(200, "InternalError"), Kind::Again);
        assert_eq!(judge(503, "SlowDown"), Kind::Again);
        assert_eq!(judge(502, ""), Kind::Again);
        assert_eq!(judge(403, "AccessDenied"), Kind::Refused);
        assert_eq!(judge(403, "RequestTimeTooSkewed"), Kind::Refused);
        assert_eq!(judge(400, "AuthorizationHeaderMalformed"), Kind::Refused);
        assert_eq!(judge(412, ""), Kind::Changed);
        assert_eq!(judge(409, "ConditionalRequestConflict"), Kind::Changed);
        assert_eq!(judge(400, "InvalidPart"), Kind::Lost);
        assert_eq!(judge(200, "InvalidPart"), Kind::Lost);
        assert_eq!(judge(400, "EntityTooSmall"), Kind::Failed);
        assert_eq!(judge(501, ""), Kind::NotImplemented);
        assert_eq!(judge(400, "NotImplemented"), Kind::NotImplemented);
    }

    #[test]
    fn what_a_setting_mends_names_the_setting() {
        for (status, code) in [
            (403, "InvalidAccessKeyId"),
            (403, "SignatureDoesNotMatch"),
            (403, "AccessDenied"),
            (403, ""),
            (404, "NoSuchBucket"),
            (404, "NoSuchUser"),
            (404, ""),
            (400, "InvalidStorageClass"),
            (400, "KMS.DisabledException"),
            (301, "PermanentRedirect"),
            (400, "AuthorizationHeaderMalformed"),
        ] {
            assert!(advice(status, code).contains("storage.s3."), "{status} {code}");
        }
    }
}
