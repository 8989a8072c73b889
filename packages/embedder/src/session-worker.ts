import { serve } from '@facekit/core'
import { Session } from './session.js'

/**
 * The thread that owns a session. `InferenceSession.run` blocks the thread that calls it; here it leaves the main thread
 * free to decode the next batch.
 */
serve(Session.create)
