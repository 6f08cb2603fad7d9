use futures_util::future::join_all;
use time::Duration;

use super::{Checks, HOUR, TOLERANCE, check, id};
use crate::conformance::{PARALLEL_CALLS, name};
use crate::token_family::{FamilyOwner, NewTokenFamily, Rotation, TokenFamilyStore};

impl<S: TokenFamilyStore> Checks<'_, S> {
    pub(super) async fn single_use(&self) {
        let (first, other) = (self.create().await, self.create().await);
        self.assert_unknown((id(), first.1), "a family that was never created is unknown").await;
        let second = self.assert_rotated(first, "the first token rotates at its first use").await;
        for _ in 0..3 {
            let outcome = self.rotate(first, id()).await;
            let superseded = Rotation::Superseded { current: second.1 };
            assert_eq!(
                outcome, superseded,
                "the previous token is accepted within the grace period"
            );
        }
        self.assert_rotated(second, "`next` of the last rotation is the current token").await;
        self.assert_rotated(other, "a rotation does not change other families of the owner").await;
    }

    /// The grace period applies to the previous token only.
    pub(super) async fn reuse(&self) {
        for unknown_token in [false, true] {
            let first = self.create().await;
            let other = self.create().await;
            let second =
                self.assert_rotated(first, "the first token rotates at its first use").await;
            let third = self
                .assert_rotated(second, "`next` of the last rotation is the current token")
                .await;
            let presented = if unknown_token { (first.0, id()) } else { first };
            let outcome = self.rotate(presented, id()).await;
            assert_eq!(
                outcome,
                Rotation::Reused,
                "an unknown token, or a token older than the previous one, is reported as reused"
            );
            self.assert_unknown(third, "a reuse revokes the family for all clients").await;
            assert!(
                !self.list(&self.user).await.iter().any(|login| login.id == first.0),
                "`list` does not return revoked families"
            );
            self.assert_rotated(other, "a reuse does not revoke other families of the owner").await;
        }
    }

    pub(super) async fn recreated_families(&self) {
        for presents_old in [false, true] {
            let token = self.create().await;
            self.assert_rotated(token, "the first token rotates at its first use").await;
            let again = (token.0, id());
            let new = NewTokenFamily::new(self.owner(&self.user), again.0, again.1, HOUR);
            check("create", self.store.create(new).await);
            if presents_old {
                let outcome = self.rotate(token, id()).await;
                assert_eq!(
                    outcome,
                    Rotation::Reused,
                    "a recreated family rejects its earlier tokens"
                );
            } else {
                self.assert_rotated(again, "a recreated family has the new first token").await;
            }
        }
    }

    pub(super) async fn parallel_uses(&self) {
        let token = self.create().await;
        let uses = (0..PARALLEL_CALLS).map(async |_| {
            let next = id();
            (next, self.rotate(token, next).await)
        });
        let outcomes = join_all(uses).await;
        let (rotated, rest): (Vec<_>, Vec<_>) =
            outcomes.into_iter().partition(|(_, outcome)| *outcome == Rotation::Rotated);
        assert_eq!(
            rotated.len(),
            1,
            "of {PARALLEL_CALLS} parallel uses of one token, exactly one rotates"
        );
        let current = rotated[0].0;
        for (_, outcome) in rest {
            assert_eq!(
                outcome,
                Rotation::Superseded { current },
                "the other uses get the token of the rotation"
            );
        }
        self.assert_rotated((token.0, current), "the token of the rotation is the current token")
            .await;
    }

    pub(super) async fn revoke(&self) {
        let (revoked, kept) = (self.create().await, self.create().await);
        let owner = self.owner(&self.user);
        for family in [revoked.0, revoked.0, id()] {
            check("revoke", self.store.revoke(owner, family).await);
        }
        self.assert_unknown(revoked, "a revoked family is unknown").await;
        let other = name("user");
        check("revoke", self.store.revoke(self.owner(&other), kept.0).await);
        self.assert_rotated(kept, "`revoke` revokes only the given family").await;
    }

    pub(super) async fn revoke_all(&self) {
        let (unused, used) = (self.create().await, self.create().await);
        let used = self.assert_rotated(used, "the first token rotates at its first use").await;
        let long = self.create_for(&self.user, HOUR * 5).await;
        let short = self.create_for(&self.user, HOUR / 2).await;
        let owner = self.owner(&self.user);
        check("revoke_all", self.store.revoke_all(self.owner(&name("user")), None).await);
        let used = self
            .assert_rotated(used, "`revoke_all` does not revoke families of another owner")
            .await;
        check("revoke_all", self.store.revoke_all(owner, Some(used.0)).await);
        for token in [unused, long, short] {
            self.assert_unknown(token, "`revoke_all` revokes all families of the owner").await;
        }
        let used = self.assert_rotated(used, "`revoke_all` does not revoke the exception").await;
        for except in [None, Some(id())] {
            let token = self.create().await;
            check("revoke_all", self.store.revoke_all(owner, except).await);
            self.assert_unknown(token, "`revoke_all` revokes all families of the owner").await;
        }
        self.assert_unknown(used, "`revoke_all` revokes all families of the owner").await;
        let again = self.create().await;
        self.assert_rotated(again, "a family created after `revoke_all` is valid").await;
    }

    /// Owners with another scope or another user are different owners.
    pub(super) async fn owners(&self) {
        let token = self.create().await;
        let (scope, user) = (name("scope"), name("user"));
        // The same concatenation of scope and user, split at a different position.
        let (head, tail) = self.user.split_at(4);
        let longer = format!("{}{head}", self.namespace);
        for other in [
            FamilyOwner::new(&scope, &self.user),
            FamilyOwner::new(&self.namespace, &user),
            FamilyOwner::new(&longer, tail),
        ] {
            let outcome = self.rotate_of(other, token, id()).await;
            assert_eq!(outcome, Rotation::Unknown, "a family belongs to its scope and its user");
            check("revoke", self.store.revoke(other, token.0).await);
            check("revoke_all", self.store.revoke_all(other, None).await);
            let listed = check("list", self.store.list(other).await);
            assert!(listed.is_empty(), "`list` does not return families of another owner");
        }
        self.assert_rotated(token, "`revoke_all` does not revoke families of another owner").await;
    }

    pub(super) async fn list_entries(&self) {
        let user = name("user");
        assert!(self.list(&user).await.is_empty(), "`list` of an unknown owner is empty");
        // A label of 128 bytes would end within a character.
        let long = format!("e{}", "\u{e9}".repeat(100));
        for (label, kept) in
            [("", ""), ("Firefox on Linux", "Firefox on Linux"), (&*long, &long[..127])]
        {
            let family = id();
            let new = NewTokenFamily::new(self.owner(&user), family, id(), HOUR).label(label);
            check("create", self.store.create(new).await);
            let list = self.list(&user).await;
            let entry = list
                .iter()
                .find(|login| login.id == family)
                .expect("`list` returns each family of the owner");
            assert_eq!(entry.label, kept, "`list` returns the label");
            let lifetime = entry.expires - entry.created;
            assert!(
                (lifetime - Duration::HOUR).abs() < TOLERANCE,
                "`list` returns the expiry, found a lifetime of {lifetime}"
            );
            assert_eq!(
                entry.last_used, entry.created,
                "`last_used` of an unused family is `created`"
            );
        }
        assert_eq!(self.list(&user).await.len(), 3, "`list` returns each family of the owner once");
    }
}
