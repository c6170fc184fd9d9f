/** How the accounts of a homeserver behave, which depends on who keeps them: what commands say differs by it. */
export interface AccountTraits {
  /** Whether people can still log in with the password of before after a reactivation. */
  readonly passwordOutlivesDeactivation: boolean;
  /** How long sessions in use may still work after a lock, or not yet after an unlock. */
  readonly minutesUntilLockApplies: number;
  readonly canShadowBan: boolean;
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
  canAddDevices: true,
  loginAsHasDevice: false,
  deletedTokensComeBack: false,
};

/** Of a homeserver that delegates accounts to the Matrix Authentication Service. */
export const masTraits: AccountTraits = {
  passwordOutlivesDeactivation: true,
  minutesUntilLockApplies: 2,
  canShadowBan: false,
  canAddDevices: false,
  loginAsHasDevice: true,
  deletedTokensComeBack: true,
};
