/** How a homeserver's accounts behave. That depends on who keeps them, and changes what answers say. */
export interface AccountTraits {
  /** Whether people can log in with their old password after a reactivation. */
  readonly passwordOutlivesDeactivation: boolean;
  /** How long sessions may keep working after a lock, or stay blocked after an unlock. */
  readonly minutesUntilLockApplies: number;
  readonly canShadowBan: boolean;
  /** Whether somebody can be allowed to replace their cross-signing keys without a password. */
  readonly canAllowCrossSigningReset: boolean;
  /** Whether an account can have a device that nobody has logged in with. */
  readonly canAddDevices: boolean;
  /** Whether a token from `login-as` appears among the devices of the account. */
  readonly loginAsHasDevice: boolean;
  /** Whether a deleted registration token comes back with its count if it is created again. */
  readonly deletedTokensComeBack: boolean;
}

/** Of a homeserver that keeps its accounts itself. */
export const synapseTraits: AccountTraits = {
  passwordOutlivesDeactivation: false,
  minutesUntilLockApplies: 0,
  canShadowBan: true,
  canAllowCrossSigningReset: false,
  canAddDevices: true,
  loginAsHasDevice: false,
  deletedTokensComeBack: false,
};

/** Of a homeserver that delegates accounts to the Matrix Authentication Service. */
export const masTraits: AccountTraits = {
  passwordOutlivesDeactivation: true,
  minutesUntilLockApplies: 2,
  canShadowBan: false,
  canAllowCrossSigningReset: true,
  canAddDevices: false,
  loginAsHasDevice: true,
  deletedTokensComeBack: true,
};
