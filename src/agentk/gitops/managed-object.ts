import type { ResourceType } from '../kubernetes/index.ts';
import type { ObjectId } from './object-id.ts';

/** An object as this agent applied it last. */
export interface ManagedObject {
  readonly id: ObjectId;
  readonly key: string;
  readonly type: ResourceType;
  readonly uid: string;
  /** The digest of the fields that are ours (`fields.ts`). */
  readonly fields: string;
  /** The digest of what was sent. */
  readonly manifest: string;
}
