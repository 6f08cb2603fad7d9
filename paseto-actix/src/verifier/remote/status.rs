use time::OffsetDateTime;

use super::super::Verifier;

/// The state of the keys of a remote issuer, for health checks.
/// [`Verifier::key_set_status`](crate::Verifier::key_set_status) returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeySetStatus {
    /// The name of the issuer.
    pub issuer: String,
    /// The time of the last successful fetch.
    pub last_success: Option<OffsetDateTime>,
    /// Whether the verifier accepts tokens of the issuer. `false` before the first successful
    /// fetch, and if the last one is longer ago than
    /// [`max_staleness`](crate::key_set::KeySetSource::max_staleness).
    pub is_usable: bool,
    /// Why the last fetch failed, for the log. `None` if it was successful.
    pub last_error: Option<String>,
}

impl Verifier {
    /// Returns the state of the keys of each remote issuer, for health checks. The issuers have the
    /// order of the calls of [`remote_keys`](crate::verifier::VerifierBuilder::remote_keys).
    /// Issuers that [`remove_issuer`](Self::remove_issuer) removed are not included.
    ///
    /// ```
    /// use actix_web::{HttpResponse, get};
    /// use paseto_actix::Verifier;
    ///
    /// #[get("/ready")]
    /// async fn ready(verifier: Verifier) -> HttpResponse {
    ///     if verifier.key_set_status().iter().all(|status| status.is_usable) {
    ///         HttpResponse::NoContent().finish()
    ///     } else {
    ///         HttpResponse::ServiceUnavailable().finish()
    ///     }
    /// }
    /// ```
    #[must_use]
    pub fn key_set_status(&self) -> Vec<KeySetStatus> {
        self.refresh_remote_keys(self.now());
        let Some(remote) = &self.0.remote else { return Vec::new() };
        let schedules = remote.0.lock();
        let issuers = remote.0.issuers.iter().zip(&*schedules);
        issuers
            .filter(|(_, schedule)| !schedule.is_closed())
            .map(|(issuer, schedule)| KeySetStatus {
                issuer: issuer.name.clone(),
                last_success: schedule.last_success(),
                is_usable: schedule.is_usable(),
                last_error: schedule.last_error().map(str::to_owned),
            })
            .collect()
    }
}
