import { serve } from '@facekit/core'
import { FaissService } from './faiss-service.js'

serve(FaissService.create)
