//! What can be done with plans.

use super::{administration::Administration, input};
use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        id::UserId,
        permission::{Area, Permission},
    },
    entity::{
        plan::{NewPlan, Plan, PlanPatch},
        user::{StandingPatch, User},
    },
    repo::plans,
    service::installation::Installation,
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Usage);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Admin);

/// Plans, as one actor may use them. Made by [`Kafka::plans`](crate::Kafka::plans).
#[derive(Debug)]
pub struct Plans<'k> {
    installation: &'k Installation,
    actor: Actor,
}

fn not_found(name: &str) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "plan_not_found",
        format!("There is no plan called {name}; `kafka plan list` shows the plans."),
    )
}

/// What new accounts get, so it is always there.
const FIRST_PLAN: &str = "free";

/// DocuChat's plans: name, tokens a day, documents in a chat, chats.
const DOCUCHAT: [(&str, u64, u64, u64); 3] =
    [("free", 10_000, 5, 3), ("pro", 100_000, 50, 25), ("enterprise", 1_000_000, 500, 100)];

impl<'k> Plans<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Plans<'k> {
        Plans { installation, actor: *actor }
    }

    /// Every plan, the oldest first. Every account may know them.
    ///
    /// # Errors
    /// `Forbidden` for an API key without the scope.
    pub fn list(&self) -> Result<Vec<Plan>> {
        self.actor.require(READ)?;
        self.installation.storage().read_one_anywhere(plans::list)
    }

    /// The plan of this name.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, name: &str) -> Result<Plan> {
        self.actor.require(READ)?;
        let found = self.installation.storage().read_one_anywhere(|conn| plans::find(conn, name))?;
        found.ok_or_else(|| not_found(name))
    }

    /// Makes a plan.
    ///
    /// # Errors
    /// `Forbidden` unless the actor administers the installation; `Invalid` for a name that is empty or too
    /// long, and for a limit over 2⁶³ − 1; `Conflict` (`plan_exists`) when the name is taken.
    pub fn create(&self, new: NewPlan) -> Result<Plan> {
        self.must_administer()?;
        if new.name.is_empty() {
            return Err(Error::invalid("name_empty", "name", "give the plan a name"));
        }
        input::name(self.installation.limits(), "name", &new.name)?;
        let now = self.installation.now();
        let plan = Plan {
            id: self.installation.new_id(),
            name: new.name,
            token_limit_daily: new.token_limit_daily,
            document_limit: new.document_limit,
            chat_limit: new.chat_limit,
            created_at: now,
            updated_at: now,
        };
        check(&plan)?;
        self.installation.storage().write(move |tx| {
            if plans::find(tx, &plan.name)?.is_some() {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "plan_exists",
                    format!("There is a plan called {} already; change that one.", plan.name),
                ));
            }
            plans::insert(tx, &plan)?;
            Ok(plan.clone())
        })
    }

    /// Changes the limits of a plan, for every account that has it, from the next call on.
    ///
    /// # Errors
    /// `NotFound`; otherwise as for [`create`](Plans::create).
    pub fn update(&self, name: &str, patch: PlanPatch) -> Result<Plan> {
        self.must_administer()?;
        let (name, now) = (name.to_owned(), self.installation.now());
        self.installation.storage().write(move |tx| {
            let mut plan = plans::find(tx, &name)?.ok_or_else(|| not_found(&name))?;
            plan.token_limit_daily = patch.token_limit_daily.unwrap_or(plan.token_limit_daily);
            plan.document_limit = patch.document_limit.unwrap_or(plan.document_limit);
            plan.chat_limit = patch.chat_limit.unwrap_or(plan.chat_limit);
            plan.updated_at = now;
            check(&plan)?;
            plans::update(tx, &plan)?;
            Ok(plan)
        })
    }

    /// Deletes a plan that no account has.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` (`plan_in_use`) while an account has it, and for `free`, which new accounts
    /// get; `Forbidden` unless the actor administers the installation.
    pub fn delete(&self, name: &str) -> Result<()> {
        self.must_administer()?;
        let name = name.to_owned();
        self.installation.storage().write(move |tx| {
            if name == FIRST_PLAN || plans::is_in_use(tx, &name)? {
                return Err(Error::new(
                    ErrorKind::Conflict,
                    "plan_in_use",
                    format!(
                        "The plan {name} is what accounts have or are going to get; only a plan of nobody can \
                         be deleted."
                    ),
                ));
            }
            if plans::delete(tx, &name)? { Ok(()) } else { Err(not_found(&name)) }
        })
    }

    /// Gives `free`, `pro` and `enterprise` the limits of DocuChat, and makes those that are missing.
    ///
    /// # Errors
    /// `Forbidden` unless the actor administers the installation.
    pub fn load_docuchat(&self) -> Result<Vec<Plan>> {
        self.must_administer()?;
        let now = self.installation.now();
        let wanted = DOCUCHAT.map(|(name, tokens, documents, chats)| Plan {
            id: self.installation.new_id(),
            name: name.to_owned(),
            token_limit_daily: Some(tokens),
            document_limit: Some(documents),
            chat_limit: Some(chats),
            created_at: now,
            updated_at: now,
        });
        self.installation.storage().write(move |tx| {
            for plan in &wanted {
                match plans::find(tx, &plan.name)? {
                    Some(_) => plans::update(tx, plan)?,
                    None => plans::insert(tx, plan)?,
                }
            }
            plans::list(tx)
        })
    }

    /// Gives an account a plan, from its next call on.
    ///
    /// # Errors
    /// `NotFound` for the account or the plan; `Forbidden` unless the actor administers the installation.
    pub fn assign(&self, user: UserId, plan: &str) -> Result<User> {
        self.must_administer()?;
        self.get(plan)?;
        let standing = StandingPatch { plan: Some(plan.to_owned()), ..StandingPatch::default() };
        Administration::new(self.installation, &self.actor).update(user, standing)
    }

    fn must_administer(&self) -> Result<()> {
        self.actor.require(WRITE)?;
        if self.actor.is_admin() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Forbidden,
            "admin_required",
            "Only an administrator may change plans, or who has which.",
        ))
    }
}

fn check(plan: &Plan) -> Result<()> {
    let limits = [
        ("token_limit_daily", plan.token_limit_daily),
        ("document_limit", plan.document_limit),
        ("chat_limit", plan.chat_limit),
    ];
    match limits.iter().find(|(_, limit)| limit.is_some_and(|limit| i64::try_from(limit).is_err())) {
        Some((field, _)) => Err(Error::invalid(
            "limit_out_of_range",
            *field,
            format!("give at most {}, or no limit", i64::MAX),
        )),
        None => Ok(()),
    }
}
