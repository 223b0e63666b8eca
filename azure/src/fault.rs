//! What an answer that is not a success means to us.

use s3::{Kind, Method};

/// Sorts an answer to such a request by its status and the code that it tells.
pub fn judge(method: Method, status: u16, code: &str) -> Kind {
    match code {
        "BlobNotFound" => return Kind::Absent,
        "ContainerNotFound" | "ContainerDisabled" | "ContainerBeingDeleted" | "AccountIsDisabled" => {
            return Kind::Refused;
        }
        "ConditionNotMet" | "BlobAlreadyExists" | "SourceConditionNotMet" | "TargetConditionNotMet" => {
            return Kind::Changed;
        }
        // Of a copy: the condition was on its source, which is another now.
        "CannotVerifyCopySource" if status == 412 => return Kind::Changed,
        "CannotVerifyCopySource" if status == 404 => return Kind::Absent,
        "InvalidBlockList" | "InvalidBlobOrBlock" => return Kind::Lost,
        "Md5Mismatch" | "ServerBusy" | "InternalError" | "OperationTimedOut" | "PendingCopyOperation" => {
            return Kind::Again;
        }
        "AccountBeingCreated" => return Kind::Again,
        // distribution makes append blobs.
        "InvalidBlobType" => return Kind::OtherKind,
        _ => {}
    }
    match status {
        // Of everything that is not there the service says what it is: who does not is somebody else.
        404 if method == Method::Head && code.is_empty() => Kind::Absent,
        409 => Kind::Failed,
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
        "AuthenticationFailed" | "InvalidAuthenticationInfo" => {
            "storage.azure.accountkey, or storage.azure.credentials, does not open storage.azure.accountname; or the clock of this machine is wrong"
        }
        "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => {
            "who storage.azure.credentials names needs the role Storage Blob Data Contributor"
        }
        "AuthorizationFailure" => {
            "look at storage.azure.accountkey or storage.azure.credentials, and at whether the account lets this machine in"
        }
        "ContainerNotFound" | "ContainerDisabled" | "ContainerBeingDeleted" => {
            "storage.azure.container has to name a container that is there"
        }
        "AccountIsDisabled" => "storage.azure.accountname is disabled",
        _ => match status {
            301 | 307 => "look at storage.azure.serviceurl",
            404 if code.is_empty() => {
                "that is no answer as Azure makes them; look at storage.azure.serviceurl and storage.azure.realm"
            }
            401 | 403 | 404 => {
                "look at storage.azure.accountname, storage.azure.accountkey and storage.azure.container"
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
        assert_eq!(judge(404, "BlobNotFound"), Kind::Absent);
        assert_eq!(judge(404, "ContainerNotFound"), Kind::Refused);
        assert_eq!(super::judge(Method::Head, 404, "ContainerNotFound"), Kind::Refused);
        assert_eq!(super::judge(Method::Head, 404, ""), Kind::Absent);
        assert_eq!(judge(404, ""), Kind::Refused);
        assert_eq!(judge(409, "BlobAlreadyExists"), Kind::Changed);
        assert_eq!(judge(409, "PendingCopyOperation"), Kind::Again);
        assert_eq!(judge(412, "ConditionNotMet"), Kind::Changed);
        assert_eq!(judge(412, "CannotVerifyCopySource"), Kind::Changed);
        assert_eq!(judge(400, "InvalidBlockList"), Kind::Lost);
        assert_eq!(judge(409, "InvalidBlobType"), Kind::OtherKind);
        assert_eq!(judge(403, "AuthenticationFailed"), Kind::Refused);
        assert_eq!(judge(503, "ServerBusy"), Kind::Again);
        assert_eq!(judge(500, ""), Kind::Again);
        assert_eq!(judge(400, "InvalidHeaderValue"), Kind::Failed);
    }

    #[test]
    fn what_a_setting_mends_names_the_setting() {
        for (status, code) in [
            (403, "AuthenticationFailed"),
            (403, "AuthorizationPermissionMismatch"),
            (403, ""),
            (404, "ContainerNotFound"),
            (404, ""),
        ] {
            assert!(advice(status, code).contains("storage.azure."), "{status} {code}");
        }
    }
}
